// The matrix products of gemm-shared4.wgsl, with the same parameters, tensors, LoRA term, epilogue and conditions of alignment,
// on matrix units: operands are rounded to f16 (11 significant bits, as many as TF32 has), sums are f32. 2 m n k FLOPs.
//   nt: a (m, k), b (n, k)    nn: a (m, k), b (k, n)    tn: a (k, m), b (k, n); chosen by the constants a_along_k, b_along_k
// The range of f16 is small, so each operand is multiplied by a power of two that puts its largest value near the top of that
// range. bias_values, from operand-scale.wgsl, are these factors and then the bias, as 8 storage buffers are all that a kernel
// can count on. Grid: (ceil(n / 128), ceil(m / 128), batches * heads).
//
// 128 lanes, four subgroups, compute a block of 128 x 128 outputs, each subgroup 64 x 64 of them as 4 x 4 matrices in registers
// (128 a lane). A panel of 32 steps of k is converted to f16 while it is put into workgroup memory; the next one is on its way
// from memory into registers meanwhile. For a step of 16 a subgroup loads eight matrices for 16 products. Elements of a matrix
// cannot be reached, so outputs go through workgroup memory to the epilogue, which leaves out those beyond c. 30 KiB.
enable f16;
enable chromium_experimental_subgroup_matrix;
// each subgroup has its own part of the block: its number is the same for all of its lanes, which the compiler cannot see
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias Element = vec4f;
const LANES = 128u;
// use: gemm-params, gemm-matrix-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;

const BLOCK_ROWS = 128u;
const BLOCK_COLUMNS = 128u;
// use: gemm-parts, gemm-blocks, gemm-panels

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

var<workgroup> a_tile: array<f16, 5120>; // 128 lines of 40, or 32 of 136
var<workgroup> b_tile: array<f16, 5120>;
const OUT_PITCH = 40u;
var<workgroup> outputs: array<f32, 2560>; // of each subgroup 16 rows by 32 columns

fn put_a(i: u32, v: vec4f) {
  let h = vec4<f16>(v);
  let at = a_slot(i);
  a_tile[at] = h.x; a_tile[at + 1u] = h.y; a_tile[at + 2u] = h.z; a_tile[at + 3u] = h.w;
}

fn put_b(i: u32, v: vec4f) {
  let h = vec4<f16>(v);
  let at = b_slot(i);
  b_tile[at] = h.x; b_tile[at + 1u] = h.y; b_tile[at + 2u] = h.z; b_tile[at + 3u] = h.w;
}

fn load_a(row: u32, k: u32) -> Left {
  if (a_along_k) { return subgroupMatrixLoad<Left, row_major>(&a_tile, row * PITCH + k, PITCH); }
  return subgroupMatrixLoad<Left, col_major>(&a_tile, k * A_PITCH + row, A_PITCH);
}

fn load_b(column: u32, k: u32) -> Right {
  if (b_along_k) { return subgroupMatrixLoad<Right, col_major>(&b_tile, column * PITCH + k, PITCH); }
  return subgroupMatrixLoad<Right, row_major>(&b_tile, k * B_PITCH + column, B_PITCH);
}

@compute @workgroup_size(128)
fn matrix(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let corner = block_of(wg, groups);
  let row = corner.y * BLOCK_ROWS;
  let column = corner.x * BLOCK_COLUMNS;
  let subgroup = lane / 32u;
  // this subgroup's 64 x 64 outputs in the block
  let i0 = subgroup / 2u * 64u;
  let j0 = subgroup % 2u * 64u;
  var sums = array<Sums, 16>();
  var next_a = array<vec4f, 8>();
  var next_b = array<vec4f, 8>();
  for (var e = 0u; e <= params.extensions; e++) {
    let p = part_of(e, wg, b_along_k);
    let factors = factors_of(p);
    // unroll
    for (var q = 0u; q < 8u; q++) {
      next_a[q] = fetch_a(p, row, 0u, q * 128u + lane);
      next_b[q] = fetch_b(p, column, 0u, q * 128u + lane);
    }
    for (var k0 = 0u; k0 < p.steps; k0 += PANEL) {
      // unroll
      for (var q = 0u; q < 8u; q++) {
        put_a(q * 128u + lane, factors.x * next_a[q]);
        put_b(q * 128u + lane, factors.y * next_b[q]);
      }
      workgroupBarrier();
      if (k0 + PANEL < p.steps) {
        // unroll
        for (var q = 0u; q < 8u; q++) {
          next_a[q] = fetch_a(p, row, k0 + PANEL, q * 128u + lane);
          next_b[q] = fetch_b(p, column, k0 + PANEL, q * 128u + lane);
        }
      }
      // unroll
      for (var k = 0u; k < PANEL; k += 16u) {
        var x = array<Left, 4>();
        // unroll
        for (var i = 0u; i < 4u; i++) { x[i] = load_a(i0 + i * 16u, k); }
        // unroll
        for (var j = 0u; j < 4u; j++) {
          let y = load_b(j0 + j * 16u, k);
          // unroll
          for (var i = 0u; i < 4u; i++) {
            sums[i * 4u + j] = subgroupMatrixMultiplyAccumulate(x[i], y, sums[i * 4u + j]);
          }
        }
      }
      workgroupBarrier();
    }
  }
  let start = starts_of(wg.z).z / 4u;
  // unroll
  for (var i = 0u; i < 4u; i++) {
    // unroll
    for (var j = 0u; j < 4u; j += 2u) {
      subgroupMatrixStore<row_major>(&outputs, subgroup * 16u * OUT_PITCH, sums[i * 4u + j], OUT_PITCH);
      subgroupMatrixStore<row_major>(&outputs, subgroup * 16u * OUT_PITCH + 16u, sums[i * 4u + j + 1u], OUT_PITCH);
      workgroupBarrier();
      store_outputs(start, row + i0 + i * 16u, column + j0 + j * 16u, lane);
      workgroupBarrier();
    }
  }
  store_largest(wg, groups, lane);
}

// 16 rows by 32 columns of a subgroup; eight lanes share a row
fn store_outputs(start: u32, row: u32, column: u32, lane: u32) {
  for (var q = 0u; q < 4u; q++) {
    let i = q * 4u + lane % 32u / 8u;
    let j = lane % 8u * 4u;
    if (row + i < params.m && column + j < params.n) {
      let at = (lane / 32u * 16u + i) * OUT_PITCH + j;
      let sum = vec4f(outputs[at], outputs[at + 1u], outputs[at + 2u], outputs[at + 3u]);
      let c_column = (column + j) / 4u;
      store_output(start + (row + i) * (params.ldc / 4u) + c_column, BIAS + c_column, unscaled(sum));
    }
  }
}
