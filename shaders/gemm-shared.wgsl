// The products of gemm.wgsl, with the same parameters, bindings, epilogue, extension and dispatch (x = ceil(n / 64),
// y = ceil(m / 64), z = batch * heads), through workgroup memory: for GPUs. 2 m n k FLOPs.
//
// 64 invocations stage 16 steps of k of a 64 x 64 block (8 KiB), k outermost, so that each then reads four vec4 for 64
// multiply-adds: rows together, columns two groups of 4, 32 apart, which spreads the reads over the banks. On a software
// adapter use gemm.wgsl: there a barrier turns every local into memory.
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<storage, read> bias_values: array<f32>;
@group(0) @binding(5) var<storage, read> residual_values: array<f32>;
@group(0) @binding(6) var<storage, read_write> pre: array<f32>;
@group(0) @binding(7) var<storage, read> lora_left: array<f32>;
@group(0) @binding(8) var<storage, read> lora_right: array<f32>;

// exact GELU: x Phi(x) = max(x, 0) - u Phi(-u) with u = |x|, Phi the normal distribution. log2 Phi(-u) is a polynomial, so there is one exp2
// and no division. Fitted in float64: absolute error 4e-8, in f32 1e-7 within +-1; from u = 8 on the last term is below 1e-10. A NaN stays one.
fn gelu(x: f32) -> f32 {
  let u = min(abs(x), 8.0);
  let p = ((((((4.6713749e-6 * u - 1.7130259e-5) * u - 5.5724522e-4) * u + 7.6318607e-3) * u - 0.052907154) * u - 0.45906410) * u - 1.1511242) * u - 0.99999958;
  return select(x, 0.0, x < 0.0) - u * exp2(p);
}

fn activate(x: f32) -> f32 {
  if (params.activation == 1u) { return gelu(x); }
  if (params.activation == 2u) { return max(x, 0.0); }
  return x;
}

var<workgroup> a_tile: array<vec4f, 256>; // 16 steps of k by 64 rows
var<workgroup> b_tile: array<vec4f, 256>; // 16 steps of k by 64 columns

// Four elements of a a stride apart from first on; zero beyond the matrix.
fn load_a(base: u32, stride: u32, first: u32, kk: u32) -> vec4f {
  var v = vec4f();
  if (kk >= params.k) { return v; }
  if (first < params.m) { v.x = a[base + first * stride]; }
  if (first + 1u < params.m) { v.y = a[base + (first + 1u) * stride]; }
  if (first + 2u < params.m) { v.z = a[base + (first + 2u) * stride]; }
  if (first + 3u < params.m) { v.w = a[base + (first + 3u) * stride]; }
  return v;
}

// Four elements of b a stride apart from first on; zero beyond the matrix.
fn load_b(base: u32, stride: u32, first: u32, kk: u32) -> vec4f {
  var v = vec4f();
  if (kk >= params.k) { return v; }
  if (first < params.n) { v.x = b[base + first * stride]; }
  if (first + 1u < params.n) { v.y = b[base + (first + 1u) * stride]; }
  if (first + 2u < params.n) { v.z = b[base + (first + 2u) * stride]; }
  if (first + 3u < params.n) { v.w = b[base + (first + 3u) * stride]; }
  return v;
}

// Element (i, kk) of a is at i * a_row + kk * a_step, element (kk, j) of b at j * b_col + kk * b_step.
fn gemm(wg: vec3u, lane: u32, a_row: u32, a_step: u32, b_col: u32, b_step: u32, by_columns: bool, extensions: u32) {
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  let a_base = params.a_offset + batch * params.a_batch + head * params.a_head;
  let b_base = params.b_offset + batch * params.b_batch + head * params.b_head;
  let c_base = params.c_offset + batch * params.c_batch + head * params.c_head;
  let row = wg.y * 64u + lane / 8u * 8u;
  let col = wg.x * 64u + lane % 8u * 4u;
  let i0 = min(row + 0u, params.m - 1u);
  let i1 = min(row + 1u, params.m - 1u);
  let i2 = min(row + 2u, params.m - 1u);
  let i3 = min(row + 3u, params.m - 1u);
  let i4 = min(row + 4u, params.m - 1u);
  let i5 = min(row + 5u, params.m - 1u);
  let i6 = min(row + 6u, params.m - 1u);
  let i7 = min(row + 7u, params.m - 1u);
  let j0 = min(col + 0u, params.n - 1u);
  let j1 = min(col + 1u, params.n - 1u);
  let j2 = min(col + 2u, params.n - 1u);
  let j3 = min(col + 3u, params.n - 1u);
  let j4 = min(col + 32u, params.n - 1u);
  let j5 = min(col + 33u, params.n - 1u);
  let j6 = min(col + 34u, params.n - 1u);
  let j7 = min(col + 35u, params.n - 1u);
  var s00 = vec4f(); var s01 = vec4f();
  var s10 = vec4f(); var s11 = vec4f();
  var s20 = vec4f(); var s21 = vec4f();
  var s30 = vec4f(); var s31 = vec4f();
  var s40 = vec4f(); var s41 = vec4f();
  var s50 = vec4f(); var s51 = vec4f();
  var s60 = vec4f(); var s61 = vec4f();
  var s70 = vec4f(); var s71 = vec4f();
  for (var k0 = 0u; k0 < params.k; k0 += 16u) {
    for (var q = 0u; q < 4u; q++) {
      // Neighbouring invocations read neighbours in memory: along k where its step is 1, else along rows or columns.
      let slot = q * 64u + lane;
      let a_kk = select(slot / 16u, slot % 16u, a_step == 1u);
      let a_at = select(slot % 16u, slot / 16u, a_step == 1u);
      a_tile[a_kk * 16u + a_at] = load_a(a_base + (k0 + a_kk) * a_step, a_row, wg.y * 64u + a_at * 4u, k0 + a_kk);
      let b_kk = select(slot / 16u, slot % 16u, b_step == 1u);
      let b_at = select(slot % 16u, slot / 16u, b_step == 1u);
      b_tile[b_kk * 16u + b_at] = load_b(b_base + (k0 + b_kk) * b_step, b_col, wg.x * 64u + b_at * 4u, k0 + b_kk);
    }
    workgroupBarrier();
    for (var kk = 0u; kk < 16u; kk++) {
      let v0 = b_tile[kk * 16u + lane % 8u];
      let v1 = b_tile[kk * 16u + 8u + lane % 8u];
      let u0 = a_tile[kk * 16u + lane / 8u * 2u];
      let u1 = a_tile[kk * 16u + lane / 8u * 2u + 1u];
      s00 += u0.x * v0; s01 += u0.x * v1;
      s10 += u0.y * v0; s11 += u0.y * v1;
      s20 += u0.z * v0; s21 += u0.z * v1;
      s30 += u0.w * v0; s31 += u0.w * v1;
      s40 += u1.x * v0; s41 += u1.x * v1;
      s50 += u1.y * v0; s51 += u1.y * v1;
      s60 += u1.z * v0; s61 += u1.z * v1;
      s70 += u1.w * v0; s71 += u1.w * v1;
    }
    workgroupBarrier();
  }
  s00 *= params.alpha; s01 *= params.alpha;
  s10 *= params.alpha; s11 *= params.alpha;
  s20 *= params.alpha; s21 *= params.alpha;
  s30 *= params.alpha; s31 *= params.alpha;
  s40 *= params.alpha; s41 *= params.alpha;
  s50 *= params.alpha; s51 *= params.alpha;
  s60 *= params.alpha; s61 *= params.alpha;
  s70 *= params.alpha; s71 *= params.alpha;
  for (var e = 0u; e < extensions; e++) {
    let x = select(0u, params.ext[e].x, by_columns);
    let y = select(params.n, params.ext[e].y, by_columns);
    let step = select(params.n, 1u, by_columns);
    let width = select(1u, params.rank, by_columns);
    let first = params.ext[e].w;
    let z = params.ext[e].z;
    let in0 = j0 >= x && j0 < y; let w0 = first + select(0u, j0 - x, in0) * width;
    let in1 = j1 >= x && j1 < y; let w1 = first + select(0u, j1 - x, in1) * width;
    let in2 = j2 >= x && j2 < y; let w2 = first + select(0u, j2 - x, in2) * width;
    let in3 = j3 >= x && j3 < y; let w3 = first + select(0u, j3 - x, in3) * width;
    let in4 = j4 >= x && j4 < y; let w4 = first + select(0u, j4 - x, in4) * width;
    let in5 = j5 >= x && j5 < y; let w5 = first + select(0u, j5 - x, in5) * width;
    let in6 = j6 >= x && j6 < y; let w6 = first + select(0u, j6 - x, in6) * width;
    let in7 = j7 >= x && j7 < y; let w7 = first + select(0u, j7 - x, in7) * width;
    let scale0 = params.ext_scale * select(vec4f(), vec4f(1.0), vec4<bool>(in0, in1, in2, in3));
    let scale1 = params.ext_scale * select(vec4f(), vec4f(1.0), vec4<bool>(in4, in5, in6, in7));
    for (var r = 0u; r < params.rank; r++) {
      let q = r * step;
      let v0 = scale0 * vec4f(lora_right[w0 + q], lora_right[w1 + q], lora_right[w2 + q], lora_right[w3 + q]);
      let v1 = scale1 * vec4f(lora_right[w4 + q], lora_right[w5 + q], lora_right[w6 + q], lora_right[w7 + q]);
      let u0 = lora_left[i0 * params.ld_left + z + r]; s00 += u0 * v0; s01 += u0 * v1;
      let u1 = lora_left[i1 * params.ld_left + z + r]; s10 += u1 * v0; s11 += u1 * v1;
      let u2 = lora_left[i2 * params.ld_left + z + r]; s20 += u2 * v0; s21 += u2 * v1;
      let u3 = lora_left[i3 * params.ld_left + z + r]; s30 += u3 * v0; s31 += u3 * v1;
      let u4 = lora_left[i4 * params.ld_left + z + r]; s40 += u4 * v0; s41 += u4 * v1;
      let u5 = lora_left[i5 * params.ld_left + z + r]; s50 += u5 * v0; s51 += u5 * v1;
      let u6 = lora_left[i6 * params.ld_left + z + r]; s60 += u6 * v0; s61 += u6 * v1;
      let u7 = lora_left[i7 * params.ld_left + z + r]; s70 += u7 * v0; s71 += u7 * v1;
    }
  }
  let rows = select(0u, min(8u, params.m - row), row < params.m);
  for (var i = 0u; i < rows; i++) {
    var lo = s00;
    var hi = s01;
    for (var q = 0u; q < 8u; q++) {
      let j = col + q + q / 4u * 28u;
      if (j >= params.n) { break; }
      let at = c_base + (row + i) * params.ldc + j;
      var v = lo.x;
      if (params.bias != 0u) { v += bias_values[j]; }
      if (params.keep_pre != 0u) { pre[at] = v; }
      v = activate(v);
      if (params.residual != 0u) { v += residual_values[at]; }
      if (params.accumulate != 0u) { v += c[at]; }
      c[at] = v;
      lo = vec4f(lo.yzw, hi.x);
      hi = hi.yzwx;
    }
    s00 = s10; s01 = s11; s10 = s20; s11 = s21; s20 = s30; s21 = s31; s30 = s40; s31 = s41; s40 = s50; s41 = s51; s50 = s60; s51 = s61; s60 = s70; s61 = s71;
  }
}

@compute @workgroup_size(64)
fn shared_nt(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, params.lda, 1u, params.ldb, 1u, true, params.extensions);
}

@compute @workgroup_size(64)
fn shared_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, params.lda, 1u, 1u, params.ldb, false, params.extensions);
}

@compute @workgroup_size(64)
fn shared_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, 1u, params.lda, 1u, params.ldb, false, 0u);
}
