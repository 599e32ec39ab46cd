// The products of gemm.wgsl for aligned operands, read four floats at a time: lda, ldb, ldc, n, every offset and stride
// between batches and heads, and the firsts in lora_right (ext[e].w) must be multiples of 4; for direct4_tn also m. k may be any.
//   direct4_nn: a (m, k), b (k, n)    direct4_tn: a (k, m), b (k, n)        2 m n k FLOPs
// The same parameters, epilogue and extension as direct_nn and direct_tn there (a wide NT is slower than direct_nt: it needs
// 12 rows at a time).
// Dispatch: x = ceil(n / 64), z = batch * heads; y = ceil(m / 32) for direct4_nn, ceil(m / 64) for direct4_tn.
//
// Each of the 8 x 8 invocations owns 4 x 8 (nn4) or 8 x 8 (tn4) outputs in registers, its columns two groups of 4, 32 apart:
// neighbours read neighbouring groups. No workgroup memory, and few places that load: see gemm.wgsl. On a software adapter
// a load costs 8 lanes x 4 checked elements of code, and more than about 8 of them overflow the branch predictor.
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
@group(0) @binding(7) var<storage, read> lora_left: array<f32>;
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

@compute @workgroup_size(64)
fn direct4_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  let a_base = (params.a_offset + batch * params.a_batch + head * params.a_head) / 4u;
  let b_base = (params.b_offset + batch * params.b_batch + head * params.b_head) / 4u;
  let c_base = (params.c_offset + batch * params.c_batch + head * params.c_head) / 4u;
  let columns = params.n / 4u;
  let lda = params.lda / 4u;
  let ldb = params.ldb / 4u;
  let ldc = params.ldc / 4u;
  let row = wg.y * 32u + lane / 8u * 4u;
  let col = wg.x * 16u + lane % 8u;
  if (row >= params.m || col >= columns) { return; }
  let far = min(col + 8u, columns - 1u);
  let i0 = min(row + 0u, params.m - 1u);
  let i1 = min(row + 1u, params.m - 1u);
  let i2 = min(row + 2u, params.m - 1u);
  let i3 = min(row + 3u, params.m - 1u);
  var s00 = vec4f(); var s01 = vec4f();
  var s10 = vec4f(); var s11 = vec4f();
  var s20 = vec4f(); var s21 = vec4f();
  var s30 = vec4f(); var s31 = vec4f();
  for (var k0 = 0u; k0 < params.k; k0 += 4u) {
    var u0 = a[a_base + i0 * lda + k0 / 4u];
    var u1 = a[a_base + i1 * lda + k0 / 4u];
    var u2 = a[a_base + i2 * lda + k0 / 4u];
    var u3 = a[a_base + i3 * lda + k0 / 4u];
    for (var kk = k0; kk < min(k0 + 4u, params.k); kk++) {
      let v0 = b[b_base + kk * ldb + col];
      let v1 = b[b_base + kk * ldb + far];
      s00 += u0.x * v0; s01 += u0.x * v1; u0 = u0.yzwx;
      s10 += u1.x * v0; s11 += u1.x * v1; u1 = u1.yzwx;
      s20 += u2.x * v0; s21 += u2.x * v1; u2 = u2.yzwx;
      s30 += u3.x * v0; s31 += u3.x * v1; u3 = u3.yzwx;
    }
  }
  s00 *= params.alpha; s01 *= params.alpha;
  s10 *= params.alpha; s11 *= params.alpha;
  s20 *= params.alpha; s21 *= params.alpha;
  s30 *= params.alpha; s31 *= params.alpha;
  for (var e = 0u; e < params.extensions; e++) {
    let z = params.ext[e].z;
    let first = params.ext[e].w / 4u;
    for (var r = 0u; r < params.rank; r++) {
      let v0 = params.ext_scale * lora_right[first + r * columns + col];
      let v1 = params.ext_scale * lora_right[first + r * columns + far];
      let u0 = lora_left[i0 * params.ld_left + z + r]; s00 += u0 * v0; s01 += u0 * v1;
      let u1 = lora_left[i1 * params.ld_left + z + r]; s10 += u1 * v0; s11 += u1 * v1;
      let u2 = lora_left[i2 * params.ld_left + z + r]; s20 += u2 * v0; s21 += u2 * v1;
      let u3 = lora_left[i3 * params.ld_left + z + r]; s30 += u3 * v0; s31 += u3 * v1;
    }
  }
  let rows = min(4u, params.m - row);
  for (var i = 0u; i < rows; i++) {
    var v = s00;
    for (var j = col; j < min(col + 16u, columns); j += 8u) {
      let at = c_base + (row + i) * ldc + j;
      if (params.bias != 0u) { v += bias_values[j]; }
      if (params.keep_pre != 0u) { pre[at] = v; }
      v = activate(v);
      if (params.residual != 0u) { v += residual_values[at]; }
      if (params.accumulate != 0u) { v += c[at]; }
      c[at] = v;
      v = s01;
    }
    s00 = s10; s01 = s11; s10 = s20; s11 = s21; s20 = s30; s21 = s31;
  }
}

@compute @workgroup_size(64)
fn direct4_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  let a_base = (params.a_offset + batch * params.a_batch + head * params.a_head) / 4u;
  let b_base = (params.b_offset + batch * params.b_batch + head * params.b_head) / 4u;
  let c_base = (params.c_offset + batch * params.c_batch + head * params.c_head) / 4u;
  let columns = params.n / 4u;
  let lda = params.lda / 4u;
  let ldb = params.ldb / 4u;
  let ldc = params.ldc / 4u;
  let row = wg.y * 64u + lane / 8u * 8u;
  let col = wg.x * 16u + lane % 8u;
  if (row >= params.m || col >= columns) { return; }
  let far = min(col + 8u, columns - 1u);
  let near_rows = row / 4u;
  let far_rows = min(near_rows + 1u, params.m / 4u - 1u);
  var s00 = vec4f(); var s01 = vec4f();
  var s10 = vec4f(); var s11 = vec4f();
  var s20 = vec4f(); var s21 = vec4f();
  var s30 = vec4f(); var s31 = vec4f();
  var s40 = vec4f(); var s41 = vec4f();
  var s50 = vec4f(); var s51 = vec4f();
  var s60 = vec4f(); var s61 = vec4f();
  var s70 = vec4f(); var s71 = vec4f();
  for (var kk = 0u; kk < params.k; kk++) {
    let v0 = b[b_base + kk * ldb + col];
    let v1 = b[b_base + kk * ldb + far];
    let u0 = a[a_base + kk * lda + near_rows];
    let u1 = a[a_base + kk * lda + far_rows];
    s00 += u0.x * v0; s01 += u0.x * v1;
    s10 += u0.y * v0; s11 += u0.y * v1;
    s20 += u0.z * v0; s21 += u0.z * v1;
    s30 += u0.w * v0; s31 += u0.w * v1;
    s40 += u1.x * v0; s41 += u1.x * v1;
    s50 += u1.y * v0; s51 += u1.y * v1;
    s60 += u1.z * v0; s61 += u1.z * v1;
    s70 += u1.w * v0; s71 += u1.w * v1;
  }
  s00 *= params.alpha; s01 *= params.alpha;
  s10 *= params.alpha; s11 *= params.alpha;
  s20 *= params.alpha; s21 *= params.alpha;
  s30 *= params.alpha; s31 *= params.alpha;
  s40 *= params.alpha; s41 *= params.alpha;
  s50 *= params.alpha; s51 *= params.alpha;
  s60 *= params.alpha; s61 *= params.alpha;
  s70 *= params.alpha; s71 *= params.alpha;
  let rows = min(8u, params.m - row);
  for (var i = 0u; i < rows; i++) {
    var v = s00;
    for (var j = col; j < min(col + 16u, columns); j += 8u) {
      let at = c_base + (row + i) * ldc + j;
      if (params.bias != 0u) { v += bias_values[j]; }
      if (params.keep_pre != 0u) { pre[at] = v; }
      v = activate(v);
      if (params.residual != 0u) { v += residual_values[at]; }
      if (params.accumulate != 0u) { v += c[at]; }
      c[at] = v;
      v = s01;
    }
    s00 = s10; s01 = s11; s10 = s20; s11 = s21; s20 = s30; s21 = s31; s30 = s40; s31 = s41; s40 = s50; s41 = s51; s50 = s60; s51 = s61; s60 = s70; s61 = s71;
  }
}

// c (k, m) = transpose of a (m, k), both aligned: lda, ldc, m, k, offsets and strides multiples of 4. One invocation moves
// a 4 x 4 block. For adapters whose GEMM is bound by loads: direct4_tn on a transposed a beats direct4_nn.
// Dispatch: x = ceil(k / 32), y = ceil(m / 32), z = batch * heads.
@compute @workgroup_size(64)
fn direct4_transpose(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  let a_base = (params.a_offset + batch * params.a_batch + head * params.a_head) / 4u;
  let c_base = (params.c_offset + batch * params.c_batch + head * params.c_head) / 4u;
  let lda = params.lda / 4u;
  let ldc = params.ldc / 4u;
  let row = wg.y * 8u + lane / 8u;
  let col = wg.x * 8u + lane % 8u;
  if (row * 4u >= params.m || col * 4u >= params.k) { return; }
  let from_a = a_base + row * 4u * lda + col;
  let to_c = c_base + col * 4u * ldc + row;
  let r0 = a[from_a];
  let r1 = a[from_a + lda];
  let r2 = a[from_a + 2u * lda];
  let r3 = a[from_a + 3u * lda];
  c[to_c] = vec4f(r0.x, r1.x, r2.x, r3.x);
  c[to_c + ldc] = vec4f(r0.y, r1.y, r2.y, r3.y);
  c[to_c + 2u * ldc] = vec4f(r0.z, r1.z, r2.z, r3.z);
  c[to_c + 3u * ldc] = vec4f(r0.w, r1.w, r2.w, r3.w);
}
