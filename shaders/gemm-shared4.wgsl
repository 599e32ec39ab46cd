// The products of gemm_shared.wgsl, with the same parameters, bindings, epilogue, extension and dispatch (x = ceil(n / 64),
// y = ceil(m / 64), z = batch * heads), for aligned operands: for GPUs. 2 m n k FLOPs.
//   shared4_nt: a (m, k), b (n, k)    shared4_nn: a (m, k), b (k, n)    shared4_tn: a (k, m), b (k, n)
// Memory is read four floats at a time: lda, ldb, ldc, n and all offsets and strides between batches and heads are multiples
// of 4, for nt and nn also k and, with an extension, ld_left, rank and the members of ext; for tn also m, and k is free.
//
// 64 invocations stage 16 steps of k of a 64 x 64 block, k outermost: each brings four vec4 of a and four of b, a block of
// 4 x 4 that it turns in its registers where memory runs along k. Then each reads four vec4 a step for 64 multiply-adds of
// its 8 x 8 outputs, all lanes of a row or a column the same ones. Rows of a tile are 17 vec4 apart, so that the turned blocks
// fall on different banks. The extension is further steps of k through the same tiles: at high rank it is as much work.
struct Params {
  m: u32, n: u32, k: u32, heads: u32,
  lda: u32, ldb: u32, ldc: u32, ld_left: u32,
  a_offset: u32, b_offset: u32, c_offset: u32,
  a_batch: u32, b_batch: u32, c_batch: u32,
  a_head: u32, b_head: u32, c_head: u32,
  alpha: f32,
  bias: u32, activation: u32, residual: u32, accumulate: u32, keep_pre: u32,
  extensions: u32,
  rank: u32, ext_scale: f32,
  ext: array<vec4u, 4>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(4) var<storage, read> bias_values: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual_values: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> pre: array<vec4f>;
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;
@group(0) @binding(8) var<storage, read> lora_right: array<vec4f>;

// exact GELU: x Phi(x) = max(x, 0) - u Phi(-u) with u = |x|, Phi the normal distribution. log2 Phi(-u) is a polynomial, so there is one exp2
// and no division. Fitted in float64: absolute error 4e-8, in f32 1e-7 within +-1; from u = 8 on the last term is below 1e-10. A NaN stays one.
fn gelu(x: vec4f) -> vec4f {
  let u = min(abs(x), vec4f(8.0));
  let p = ((((((4.6713749e-6 * u - 1.7130259e-5) * u - 5.5724522e-4) * u + 7.6318607e-3) * u - 0.052907154) * u - 0.45906410) * u - 1.1511242) * u - 0.99999958;
  return select(x, vec4f(0.0), x < vec4f(0.0)) - u * exp2(p);
}

fn activate(x: vec4f) -> vec4f {
  if (params.activation == 1u) { return gelu(x); }
  if (params.activation == 2u) { return max(x, vec4f()); }
  return x;
}

const PITCH = 17u;
var<workgroup> a_tile: array<vec4f, 272>; // 16 steps of k by 64 rows
var<workgroup> b_tile: array<vec4f, 272>; // 16 steps of k by 64 columns

// One part of the sum over k: the product itself, then the extensions. Starts and strides in vec4.
struct Part {
  extension: bool,
  steps: u32,
  a: u32, lda: u32,
  b: u32, ldb: u32,
  first: u32, end: u32, // columns that take part
  scale: f32,
}

fn read_a(extension: bool, at: u32) -> vec4f {
  if (extension) { return lora_left[at]; }
  return a[at];
}

fn read_b(extension: bool, at: u32) -> vec4f {
  if (extension) { return lora_right[at]; }
  return b[at];
}

// Rows of a tile from a matrix whose rows run along k: a block of four rows by four steps, turned.
fn stage_a_rows(p: Part, row: u32, k0: u32, lane: u32) {
  let k = k0 + lane % 4u * 4u;
  let i = min(row + lane / 4u * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(params.m - 1u)) * p.lda + p.a + min(k, p.steps - 4u) / 4u;
  var v = transpose(mat4x4f(
    read_a(p.extension, i.x), read_a(p.extension, i.y), read_a(p.extension, i.z), read_a(p.extension, i.w)));
  v *= select(0.0, 1.0, k < p.steps);
  let at = lane % 4u * 4u * PITCH + lane / 4u;
  a_tile[at] = v[0];
  a_tile[at + PITCH] = v[1];
  a_tile[at + 2u * PITCH] = v[2];
  a_tile[at + 3u * PITCH] = v[3];
}

fn stage_b_rows(p: Part, column: u32, k0: u32, lane: u32) {
  let k = k0 + lane % 4u * 4u;
  // columns that the part does not have read its last ones, and count nothing
  let j0 = column + lane / 4u * 4u;
  let j = clamp(j0, p.first, p.end - 4u);
  let l = (j - p.first + vec4u(0u, 1u, 2u, 3u)) * p.ldb + p.b + min(k, p.steps - 4u) / 4u;
  var v = transpose(mat4x4f(
    read_b(p.extension, l.x), read_b(p.extension, l.y), read_b(p.extension, l.z), read_b(p.extension, l.w)));
  v *= select(0.0, p.scale, k < p.steps && j == j0);
  let at = lane % 4u * 4u * PITCH + lane / 4u;
  b_tile[at] = v[0];
  b_tile[at + PITCH] = v[1];
  b_tile[at + 2u * PITCH] = v[2];
  b_tile[at + 3u * PITCH] = v[3];
}

// The same from matrices whose rows are steps of k: straight through.
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
    let v = read_b(p.extension, j + min(k0 + kk, p.steps - 1u) * p.ldb);
    b_tile[kk * PITCH + lane % 16u] = v * select(0.0, p.scale, k0 + kk < p.steps);
  }
}

fn outer(x: vec4f, v: vec4f) -> mat4x4f {
  return mat4x4f(x.x * v, x.y * v, x.z * v, x.w * v);
}

fn part_of(e: u32, wg: vec3u, by_columns: bool) -> Part {
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  if (e == 0u) {
    return Part(
      false, params.k,
      (params.a_offset + batch * params.a_batch + head * params.a_head) / 4u, params.lda / 4u,
      (params.b_offset + batch * params.b_batch + head * params.b_head) / 4u, params.ldb / 4u,
      0u, params.n, params.alpha);
  }
  let ext = params.ext[e - 1u];
  if (by_columns) {
    return Part(true, params.rank, ext.z / 4u, params.ld_left / 4u, ext.w / 4u, params.rank / 4u, ext.x, ext.y, params.ext_scale);
  }
  return Part(true, params.rank, ext.z / 4u, params.ld_left / 4u, ext.w / 4u, params.n / 4u, 0u, params.n, params.ext_scale);
}

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
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  let c_base = (params.c_offset + batch * params.c_batch + head * params.c_head) / 4u;
  // columns: two groups of four, 32 apart
  for (var r = 0u; r < 8u; r++) {
    store(c_base, row + i * 4u + r, column / 4u + j, s0[0]);
    store(c_base, row + i * 4u + r, column / 4u + 8u + j, s1[0]);
    s0 = mat4x4f(s0[1], s0[2], s0[3], s2[0]);
    s1 = mat4x4f(s1[1], s1[2], s1[3], s3[0]);
    s2 = mat4x4f(s2[1], s2[2], s2[3], s2[0]);
    s3 = mat4x4f(s3[1], s3[2], s3[3], s3[0]);
  }
}

fn store(base: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= params.m || column >= params.n / 4u) { return; }
  let at = base + row * (params.ldc / 4u) + column;
  var v = sum;
  if (params.bias != 0u) { v += bias_values[column]; }
  if (params.keep_pre != 0u) { pre[at] = v; }
  v = activate(v);
  if (params.residual != 0u) { v += residual_values[at]; }
  if (params.accumulate != 0u) { v += c[at]; }
  c[at] = v;
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
