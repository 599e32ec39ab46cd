// The matrix products of gemm-shared4.wgsl, with the same parameters, tensors, LoRA term, epilogue and alignment, for products
// with few or narrow outputs: tiles of 32 x 32. Grid: (ceil(n / 32), ceil(m / 32), batches * heads). 2 m n k FLOPs.
//   small_nt: a (m, k), b (n, k)    small_nn: a (m, k), b (k, n)    small_tn: a (k, m), b (k, n)
//
// Such a product has fewer tiles than a GPU has compute units, so its time is that of one workgroup: the tile is small, and 256
// lanes share the sum over k. They stage 64 steps of k, half of them a and half b, four vec4 each; while the next 64 steps are
// being loaded into registers, each quarter of the lanes adds 16 of these steps to 4 x 4 outputs a lane. In the end the quarters
// are added in a fixed order, through the tiles' memory (16 KiB).
alias Element = vec4f;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;
// use: gemm-parts

const STEPS = 64u;
// a: 64 steps of k by 32 rows; then b: 64 steps by 32 columns
var<workgroup> tiles: array<vec4f, 1024>;

// What a lane stages of one matrix, and where: four vec4 in `tiles`, one step of k after the other.
struct Staged { values: mat4x4f, at: u32, pitch: u32 }

// A matrix whose rows run along k: a block of four rows by four steps, transposed. `place` counts blocks of rows, then of steps.
fn stage_rows(p: Part, left: bool, row: u32, k0: u32, place: u32) -> Staged {
  let k = k0 + place / 8u * 4u;
  let i0 = row + place % 8u * 4u;
  // rows beyond the matrix read its last one and are not stored; columns that a part does not have are scaled by 0
  let last = select(p.end - 1u, params.m - 1u, left);
  let first = select(p.first, 0u, left);
  let i = clamp(i0 + vec4u(0u, 1u, 2u, 3u), vec4u(first), vec4u(last)) - first;
  let at = min(k, p.steps - 4u) / 4u + select(p.b, p.a, left);
  let stride = select(p.ldb, p.lda, left);
  var v = mat4x4f();
  if (left) {
    v = mat4x4f(
      read_a(p.lora, at + i.x * stride), read_a(p.lora, at + i.y * stride),
      read_a(p.lora, at + i.z * stride), read_a(p.lora, at + i.w * stride));
  } else {
    v = mat4x4f(
      read_b(p.lora, at + i.x * stride), read_b(p.lora, at + i.y * stride),
      read_b(p.lora, at + i.z * stride), read_b(p.lora, at + i.w * stride));
  }
  let inside = k < p.steps && (left || (i0 >= p.first && i0 < p.end));
  v = transpose(v) * select(0.0, select(p.scale, 1.0, left), inside);
  return Staged(v, select(512u, 0u, left) + place / 8u * 32u + place % 8u, 8u);
}

// A matrix whose rows are steps of k, unchanged: every sixteenth step.
fn stage_steps(p: Part, left: bool, column: u32, k0: u32, place: u32) -> Staged {
  let width = select(params.n, params.m, left) / 4u;
  let at = min(column / 4u + place % 8u, width - 1u) + select(p.b, p.a, left);
  let stride = select(p.ldb, p.lda, left);
  let scale = select(p.scale, 1.0, left);
  let k = k0 + place / 8u + vec4u(0u, 16u, 32u, 48u);
  let i = at + min(k, vec4u(p.steps - 1u)) * stride;
  let factor = select(vec4f(), vec4f(scale), k < vec4u(p.steps));
  var v = mat4x4f();
  if (left) {
    v = mat4x4f(factor.x * a[i.x], factor.y * a[i.y], factor.z * a[i.z], factor.w * a[i.w]);
  } else {
    v = mat4x4f(
      factor.x * read_b(p.lora, i.x), factor.y * read_b(p.lora, i.y),
      factor.z * read_b(p.lora, i.z), factor.w * read_b(p.lora, i.w));
  }
  return Staged(v, select(512u, 0u, left) + place, 128u);
}

// a_rows, b_rows: the rows of a, or of b, run along k
fn load(p: Part, wg: vec3u, lane: u32, k0: u32, a_rows: bool, b_rows: bool) -> Staged {
  let left = lane < 128u;
  let start = select(wg.x, wg.y, left) * 32u;
  if (select(b_rows, a_rows, left)) { return stage_rows(p, left, start, k0, lane % 128u); }
  return stage_steps(p, left, start, k0, lane % 128u);
}

fn put(s: Staged) {
  tiles[s.at] = s.values[0];
  tiles[s.at + s.pitch] = s.values[1];
  tiles[s.at + 2u * s.pitch] = s.values[2];
  tiles[s.at + 3u * s.pitch] = s.values[3];
}

fn gemm(wg: vec3u, lane: u32, a_rows: bool, b_rows: bool) {
  let quarter = lane / 64u;
  let i = lane % 64u / 8u;
  let j = lane % 8u;
  var sum = mat4x4f();
  for (var e = 0u; e <= params.extensions; e++) {
    let p = part_of(e, wg, b_rows);
    var next = load(p, wg, lane, 0u, a_rows, b_rows);
    for (var k0 = 0u; k0 < p.steps; k0 += STEPS) {
      put(next);
      workgroupBarrier();
      if (k0 + STEPS < p.steps) { next = load(p, wg, lane, k0 + STEPS, a_rows, b_rows); }
      for (var kk = quarter * 16u; kk < quarter * 16u + 16u; kk++) {
        let u = tiles[kk * 8u + i];
        let v = tiles[512u + kk * 8u + j];
        sum += mat4x4f(u.x * v, u.y * v, u.z * v, u.w * v);
      }
      workgroupBarrier();
    }
  }
  // the quarters' sums: 2 to 0 and 3 to 1, then 1 to 0
  let slot = lane % 64u;
  if (quarter >= 2u) { keep((quarter - 2u) * 256u + slot, sum); }
  workgroupBarrier();
  if (quarter < 2u) { sum += kept(quarter * 256u + slot); }
  workgroupBarrier();
  if (quarter == 1u) { keep(slot, sum); }
  workgroupBarrier();
  if (quarter != 0u) { return; }
  sum += kept(slot);
  let column = wg.x * 8u + j;
  if (column >= params.n / 4u) { return; }
  let start = starts_of(wg.z).z / 4u + column;
  let row = wg.y * 32u + i * 4u;
  for (var r = row; r < min(row + 4u, params.m); r++) {
    store_output(start + r * (params.ldc / 4u), column, sum[0]);
    sum = mat4x4f(sum[1], sum[2], sum[3], sum[0]);
  }
}

fn keep(at: u32, sum: mat4x4f) {
  tiles[at] = sum[0];
  tiles[at + 64u] = sum[1];
  tiles[at + 128u] = sum[2];
  tiles[at + 192u] = sum[3];
}

fn kept(at: u32) -> mat4x4f {
  return mat4x4f(tiles[at], tiles[at + 64u], tiles[at + 128u], tiles[at + 192u]);
}

@compute @workgroup_size(256)
fn small_nt(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, true, true);
}

@compute @workgroup_size(256)
fn small_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, true, false);
}

@compute @workgroup_size(256)
fn small_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, false, false);
}
