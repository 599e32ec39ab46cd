// The matrix products of gemm-shared.wgsl, with the same parameters, tensors, LoRA term, epilogue and grid (ceil(n / 64),
// ceil(m / 64), batches * heads), for aligned operands: for GPUs. 2 m n k FLOPs.
//   shared4_nt: a (m, k), b (n, k)    shared4_nn: a (m, k), b (k, n)    shared4_tn: a (k, m), b (k, n)
// Memory is read four floats at a time: lda, ldb, ldc, n, all offsets and all strides between batches and heads are multiples
// of 4; for nt and nn also k and, with a LoRA term, ld_left, rank and the members of ext; for tn also m, while k is free.
//
// 64 lanes stage 16 steps of k of a block of 64 x 64 outputs, k outermost. Each loads four vec4 of a and four of b; if memory
// runs along k they are a block of 4 x 4, which the lane transposes in its registers. Then each lane reads four vec4 a step for
// 64 multiply-adds of its 8 x 8 outputs; all lanes of a row or column of lanes read the same ones. Rows of a tile are 17 vec4
// apart, so that the transposed blocks fall on different banks. The LoRA term is further steps of k through the same tiles: at
// high rank it is as much work.
alias Element = vec4f;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;
// use: gemm-parts

const PITCH = 17u; // vec4 from row to row of a tile
var<workgroup> a_tile: array<vec4f, 272>; // 16 steps of k by 64 rows
var<workgroup> b_tile: array<vec4f, 272>; // 16 steps of k by 64 columns

// Stages a matrix whose rows run along k: a block of four rows by four steps, transposed.
fn stage_a_rows(p: Part, row: u32, k0: u32, lane: u32) {
  let k = k0 + lane % 4u * 4u;
  let i = min(row + lane / 4u * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(params.m - 1u)) * p.lda
    + p.a + min(k, p.steps - 4u) / 4u;
  var v = transpose(mat4x4f(
    read_a(p.lora, i.x), read_a(p.lora, i.y), read_a(p.lora, i.z), read_a(p.lora, i.w)));
  v *= select(0.0, 1.0, k < p.steps);
  let at = lane % 4u * 4u * PITCH + lane / 4u;
  a_tile[at] = v[0];
  a_tile[at + PITCH] = v[1];
  a_tile[at + 2u * PITCH] = v[2];
  a_tile[at + 3u * PITCH] = v[3];
}

fn stage_b_rows(p: Part, column: u32, k0: u32, lane: u32) {
  let k = k0 + lane % 4u * 4u;
  // columns that the part does not have read its last ones, scaled by 0
  let j0 = column + lane / 4u * 4u;
  let j = clamp(j0, p.first, p.end - 4u);
  let l = (j - p.first + vec4u(0u, 1u, 2u, 3u)) * p.ldb + p.b + min(k, p.steps - 4u) / 4u;
  var v = transpose(mat4x4f(
    read_b(p.lora, l.x), read_b(p.lora, l.y), read_b(p.lora, l.z), read_b(p.lora, l.w)));
  v *= select(0.0, p.scale, k < p.steps && j == j0);
  let at = lane % 4u * 4u * PITCH + lane / 4u;
  b_tile[at] = v[0];
  b_tile[at + PITCH] = v[1];
  b_tile[at + 2u * PITCH] = v[2];
  b_tile[at + 3u * PITCH] = v[3];
}

// Stages a matrix whose rows are steps of k, unchanged.
fn stage_a_steps(p: Part, row: u32, k0: u32, lane: u32) {
  let i = p.a + min(row / 4u + lane % 16u, params.m / 4u - 1u);
  for (var q = 0u; q < 4u; q++) {
    let kk = q * 4u + lane / 16u;
    let v = a[i + min(k0 + kk, p.steps - 1u) * p.lda];
    a_tile[kk * PITCH + lane % 16u] = v * select(0.0, 1.0, k0 + kk < p.steps);
  }
}

fn stage_b_steps(p: Part, column: u32, k0: u32, lane: u32) {
  let j = p.b + min(column / 4u + lane % 16u, params.n / 4u - 1u);
  for (var q = 0u; q < 4u; q++) {
    let kk = q * 4u + lane / 16u;
    let v = read_b(p.lora, j + min(k0 + kk, p.steps - 1u) * p.ldb);
    b_tile[kk * PITCH + lane % 16u] = v * select(0.0, p.scale, k0 + kk < p.steps);
  }
}

fn outer(x: vec4f, v: vec4f) -> mat4x4f {
  return mat4x4f(x.x * v, x.y * v, x.z * v, x.w * v);
}

// a_rows, b_rows: the rows of a, or of b, run along k
fn gemm(wg: vec3u, lane: u32, a_rows: bool, b_rows: bool) {
  let row = wg.y * 64u;
  let column = wg.x * 64u;
  let i = lane / 8u * 2u;
  let j = lane % 8u;
  var s0 = mat4x4f(); var s1 = mat4x4f(); var s2 = mat4x4f(); var s3 = mat4x4f();
  for (var e = 0u; e <= params.extensions; e++) {
    let p = part_of(e, wg, b_rows);
    for (var k0 = 0u; k0 < p.steps; k0 += 16u) {
      if (a_rows) { stage_a_rows(p, row, k0, lane); } else { stage_a_steps(p, row, k0, lane); }
      if (b_rows) { stage_b_rows(p, column, k0, lane); } else { stage_b_steps(p, column, k0, lane); }
      workgroupBarrier();
      for (var kk = 0u; kk < 16u; kk++) {
        let u0 = a_tile[kk * PITCH + i];
        let u1 = a_tile[kk * PITCH + i + 1u];
        let v0 = b_tile[kk * PITCH + j];
        let v1 = b_tile[kk * PITCH + 8u + j];
        s0 += outer(u0, v0); s1 += outer(u0, v1);
        s2 += outer(u1, v0); s3 += outer(u1, v1);
      }
      workgroupBarrier();
    }
  }
  let start = starts_of(wg.z).z / 4u;
  // columns: two groups of four, 32 apart
  for (var r = 0u; r < 8u; r++) {
    store(start, row + i * 4u + r, column / 4u + j, s0[0]);
    store(start, row + i * 4u + r, column / 4u + 8u + j, s1[0]);
    s0 = mat4x4f(s0[1], s0[2], s0[3], s2[0]);
    s1 = mat4x4f(s1[1], s1[2], s1[3], s3[0]);
    s2 = mat4x4f(s2[1], s2[2], s2[3], s2[0]);
    s3 = mat4x4f(s3[1], s3[2], s3[3], s3[0]);
  }
}

fn store(start: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= params.m || column >= params.n / 4u) { return; }
  store_output(start + row * (params.ldc / 4u) + column, column, sum);
}

@compute @workgroup_size(64)
fn shared4_nt(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, true, true);
}

@compute @workgroup_size(64)
fn shared4_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, true, false);
}

@compute @workgroup_size(64)
fn shared4_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, false, false);
}
