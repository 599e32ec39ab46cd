// The matrix products of gemm-matrix.wgsl, with the same parameters, tensors, scales and constants, about as accurate as f32:
// an operand is the sum of a high part, its leading 11 bits, and a low part, the next 11, each exact in f16; the sum over k adds
// high high + low high + high low (Ootomo and Yokota 2022), 6 m n k FLOPs on the units for a nominal 2 m n k.
// Grid: (ceil(n / 128), ceil(m / 64), batches * heads).
//
// The units of NVIDIA truncate sums, so that the error of one chain of sums grows with its length. So after 256 steps of k, and
// after each part of the sum, the matrices' sums are added to totals in registers, which round to nearest.
//
// 256 lanes, eight subgroups, compute a block of 64 x 128 outputs, each subgroup 32 x 32 of them. Panels of 32 steps of k as in
// gemm-matrix.wgsl, both parts of each. A lane's totals are two vec4 of each of the four matrices of its subgroup. 42 KiB.
enable f16;
enable chromium_experimental_subgroup_matrix;
// each subgroup has its own part of the block: its number is the same for all of its lanes, which the compiler cannot see
diagnostic(off, chromium.subgroup_matrix_uniformity);

alias Element = vec4f;
const LANES = 256u;
// use: gemm-params, gemm-matrix-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;

const BLOCK_ROWS = 64u;
const BLOCK_COLUMNS = 128u;
// use: gemm-parts, gemm-blocks, gemm-panels

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

const CHAIN = 256u; // steps of k that are added on the units
var<workgroup> a_high: array<f16, BLOCK_ROWS * PITCH>;
var<workgroup> a_low: array<f16, BLOCK_ROWS * PITCH>;
var<workgroup> b_high: array<f16, BLOCK_COLUMNS * PITCH>;
var<workgroup> b_low: array<f16, BLOCK_COLUMNS * PITCH>;
const OUT_PITCH = 16u + PAD;
var<workgroup> outputs: array<f32, 128u * OUT_PITCH>; // of each subgroup 16 rows by 16 columns

// The leading bits of v. By a mask: v - f32(f16(v)) is 0 to a compiler that takes the conversions for exact.
fn high_part(v: vec4f) -> vec4f {
  return bitcast<vec4f>(bitcast<vec4u>(v) & vec4u(0xffffe000u));
}

fn put_a(i: u32, v: vec4f) {
  let high = high_part(v);
  let h = vec4<f16>(high);
  let l = vec4<f16>(v - high);
  let at = a_slot(i);
  a_high[at] = h.x; a_high[at + 1u] = h.y; a_high[at + 2u] = h.z; a_high[at + 3u] = h.w;
  a_low[at] = l.x; a_low[at + 1u] = l.y; a_low[at + 2u] = l.z; a_low[at + 3u] = l.w;
}

fn put_b(i: u32, v: vec4f) {
  let high = high_part(v);
  let h = vec4<f16>(high);
  let l = vec4<f16>(v - high);
  let at = b_slot(i);
  b_high[at] = h.x; b_high[at + 1u] = h.y; b_high[at + 2u] = h.z; b_high[at + 3u] = h.w;
  b_low[at] = l.x; b_low[at + 1u] = l.y; b_low[at + 2u] = l.z; b_low[at + 3u] = l.w;
}

fn load_a(row: u32, k: u32) -> Left {
  if (a_along_k) { return subgroupMatrixLoad<Left, row_major>(&a_high, row * PITCH + k, PITCH); }
  return subgroupMatrixLoad<Left, col_major>(&a_high, k * A_PITCH + row, A_PITCH);
}

fn load_low_a(row: u32, k: u32) -> Left {
  if (a_along_k) { return subgroupMatrixLoad<Left, row_major>(&a_low, row * PITCH + k, PITCH); }
  return subgroupMatrixLoad<Left, col_major>(&a_low, k * A_PITCH + row, A_PITCH);
}

fn load_b(column: u32, k: u32) -> Right {
  if (b_along_k) { return subgroupMatrixLoad<Right, col_major>(&b_high, column * PITCH + k, PITCH); }
  return subgroupMatrixLoad<Right, row_major>(&b_high, k * B_PITCH + column, B_PITCH);
}

fn load_low_b(column: u32, k: u32) -> Right {
  if (b_along_k) { return subgroupMatrixLoad<Right, col_major>(&b_low, column * PITCH + k, PITCH); }
  return subgroupMatrixLoad<Right, row_major>(&b_low, k * B_PITCH + column, B_PITCH);
}

@compute @workgroup_size(256)
fn matrix_split3(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let corner = block_of(wg, groups);
  let row = corner.y * BLOCK_ROWS;
  let column = corner.x * BLOCK_COLUMNS;
  let subgroup = lane / 32u;
  // this subgroup's 32 x 32 outputs in the block
  let i0 = subgroup / 4u * 32u;
  let j0 = subgroup % 4u * 32u;
  let slab = subgroup * 16u * OUT_PITCH;
  var sums = array<Sums, 4>();
  var totals = array<vec4f, 8>();
  var next_a = array<vec4f, 2>();
  var next_b = array<vec4f, 4>();
  for (var e = 0u; e <= params.extensions; e++) {
    let p = part_of(e, wg, b_along_k);
    let factors = factors_of(p);
    // unroll
    for (var q = 0u; q < 2u; q++) { next_a[q] = fetch_a(p, row, 0u, q * 256u + lane); }
    // unroll
    for (var q = 0u; q < 4u; q++) { next_b[q] = fetch_b(p, column, 0u, q * 256u + lane); }
    for (var k0 = 0u; k0 < p.steps; k0 += PANEL) {
      // unroll
      for (var q = 0u; q < 2u; q++) { put_a(q * 256u + lane, factors.x * next_a[q]); }
      // unroll
      for (var q = 0u; q < 4u; q++) { put_b(q * 256u + lane, factors.y * next_b[q]); }
      workgroupBarrier();
      let last = k0 + PANEL >= p.steps;
      if (!last) {
        // unroll
        for (var q = 0u; q < 2u; q++) { next_a[q] = fetch_a(p, row, k0 + PANEL, q * 256u + lane); }
        // unroll
        for (var q = 0u; q < 4u; q++) { next_b[q] = fetch_b(p, column, k0 + PANEL, q * 256u + lane); }
      }
      // unroll
      for (var k = 0u; k < PANEL; k += 16u) {
        var x = array<Left, 2>();
        var low_x = array<Left, 2>();
        // unroll
        for (var i = 0u; i < 2u; i++) {
          x[i] = load_a(i0 + i * 16u, k);
          low_x[i] = load_low_a(i0 + i * 16u, k);
        }
        // unroll
        for (var j = 0u; j < 2u; j++) {
          let y = load_b(j0 + j * 16u, k);
          let low_y = load_low_b(j0 + j * 16u, k);
          // unroll
          for (var i = 0u; i < 2u; i++) {
            sums[i * 2u + j] = subgroupMatrixMultiplyAccumulate(low_x[i], y, sums[i * 2u + j]);
            sums[i * 2u + j] = subgroupMatrixMultiplyAccumulate(x[i], low_y, sums[i * 2u + j]);
            sums[i * 2u + j] = subgroupMatrixMultiplyAccumulate(x[i], y, sums[i * 2u + j]);
          }
        }
      }
      if (last || (k0 + PANEL) % CHAIN == 0u) {
        // unroll
        for (var i = 0u; i < 4u; i++) {
          subgroupMatrixStore<row_major>(&outputs, slab, sums[i], OUT_PITCH);
          sums[i] = Sums();
          workgroupBarrier();
          totals[2u * i] += output(slab, lane % 32u);
          totals[2u * i + 1u] += output(slab, lane % 32u + 32u);
          workgroupBarrier();
        }
      }
      workgroupBarrier();
    }
  }
  let start = starts_of(wg.z).z / 4u;
  // unroll
  for (var i = 0u; i < 8u; i++) {
    // vec4 number v of the matrix, four in a row
    let v = lane % 32u + i % 2u * 32u;
    store(start, row + i0 + i / 4u * 16u + v / 4u, column + j0 + i / 2u % 2u * 16u + v % 4u * 4u, totals[i]);
  }
  store_largest(wg, groups, lane);
}

// vec4 number v of a subgroup's matrix
fn output(slab: u32, v: u32) -> vec4f {
  let at = slab + v / 4u * OUT_PITCH + v % 4u * 4u;
  return vec4f(outputs[at], outputs[at + 1u], outputs[at + 2u], outputs[at + 3u]);
}

fn store(start: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= params.m || column >= params.n) { return; }
  store_output(start + row * (params.ldc / 4u) + column / 4u, BIAS + column / 4u, unscaled(sum));
}
