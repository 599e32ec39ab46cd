// General matrix product c = act(alpha * a b + ext + bias) + residual (+ old c), row-major f32, any sizes and strides.
//   direct_nt: a (m, k), b (n, k)    direct_nn: a (m, k), b (k, n)    direct_tn: a (k, m), b (k, n)        2 m n k FLOPs
// ext, the LoRA extension, runs over t (m, ld_left) and lora_right, for each e: x, y, z, w = ext[e] and r < rank
//   direct_nt, columns x <= col < y: ext_scale * lora_left[row, z + r] * lora_right[w + (col - x) * rank + r]
//   direct_nn, all columns:          ext_scale * lora_left[row, z + r] * lora_right[w + r * n + col]
// pre and residual_values are laid out as c; pre keeps the value before the activation. Unused bindings may be any buffer.
// Dispatch: x = ceil(n / 64), y = ceil(m / 64), z = batch * heads.
//
// Each of the 8 x 8 invocations owns 8 x 8 outputs in registers: rows together, columns 8 apart, so that neighbours in a
// row of b read neighbours. There is no workgroup memory on purpose: on a software adapter a barrier turns every local
// into memory and halves the speed; on a GPU the cache serves the repeated rows. The write-back is a rolled loop over
// rotating registers: unrolled it would take most of the compile time.
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

// Element (i, kk) of a is at i * a_row + kk * a_step, element (kk, j) of b at j * b_col + kk * b_step.
fn gemm(wg: vec3u, lane: u32, a_row: u32, a_step: u32, b_col: u32, b_step: u32, by_columns: bool, extensions: u32) {
  let batch = wg.z / params.heads;
  let head = wg.z % params.heads;
  let a_base = params.a_offset + batch * params.a_batch + head * params.a_head;
  let b_base = params.b_offset + batch * params.b_batch + head * params.b_head;
  let c_base = params.c_offset + batch * params.c_batch + head * params.c_head;
  let row = wg.y * 64u + lane / 8u * 8u;
  let col = wg.x * 64u + lane % 8u;
  if (row >= params.m || col >= params.n) { return; }
  let i0 = min(row + 0u, params.m - 1u);
  let i1 = min(row + 1u, params.m - 1u);
  let i2 = min(row + 2u, params.m - 1u);
  let i3 = min(row + 3u, params.m - 1u);
  let i4 = min(row + 4u, params.m - 1u);
  let i5 = min(row + 5u, params.m - 1u);
  let i6 = min(row + 6u, params.m - 1u);
  let i7 = min(row + 7u, params.m - 1u);
  let j0 = min(col + 0u, params.n - 1u);
  let j1 = min(col + 8u, params.n - 1u);
  let j2 = min(col + 16u, params.n - 1u);
  let j3 = min(col + 24u, params.n - 1u);
  let j4 = min(col + 32u, params.n - 1u);
  let j5 = min(col + 40u, params.n - 1u);
  let j6 = min(col + 48u, params.n - 1u);
  let j7 = min(col + 56u, params.n - 1u);
  let b0 = b_base + j0 * b_col;
  let b1 = b_base + j1 * b_col;
  let b2 = b_base + j2 * b_col;
  let b3 = b_base + j3 * b_col;
  let b4 = b_base + j4 * b_col;
  let b5 = b_base + j5 * b_col;
  let b6 = b_base + j6 * b_col;
  let b7 = b_base + j7 * b_col;
  let a0 = a_base + i0 * a_row;
  let a1 = a_base + i1 * a_row;
  let a2 = a_base + i2 * a_row;
  let a3 = a_base + i3 * a_row;
  let a4 = a_base + i4 * a_row;
  let a5 = a_base + i5 * a_row;
  let a6 = a_base + i6 * a_row;
  let a7 = a_base + i7 * a_row;
  var s00 = vec4f(); var s01 = vec4f();
  var s10 = vec4f(); var s11 = vec4f();
  var s20 = vec4f(); var s21 = vec4f();
  var s30 = vec4f(); var s31 = vec4f();
  var s40 = vec4f(); var s41 = vec4f();
  var s50 = vec4f(); var s51 = vec4f();
  var s60 = vec4f(); var s61 = vec4f();
  var s70 = vec4f(); var s71 = vec4f();
  for (var kk = 0u; kk < params.k; kk++) {
    let ka = kk * a_step;
    let kb = kk * b_step;
    let v0 = vec4f(b[b0 + kb], b[b1 + kb], b[b2 + kb], b[b3 + kb]);
    let v1 = vec4f(b[b4 + kb], b[b5 + kb], b[b6 + kb], b[b7 + kb]);
    let u0 = a[a0 + ka]; s00 += u0 * v0; s01 += u0 * v1;
    let u1 = a[a1 + ka]; s10 += u1 * v0; s11 += u1 * v1;
    let u2 = a[a2 + ka]; s20 += u2 * v0; s21 += u2 * v1;
    let u3 = a[a3 + ka]; s30 += u3 * v0; s31 += u3 * v1;
    let u4 = a[a4 + ka]; s40 += u4 * v0; s41 += u4 * v1;
    let u5 = a[a5 + ka]; s50 += u5 * v0; s51 += u5 * v1;
    let u6 = a[a6 + ka]; s60 += u6 * v0; s61 += u6 * v1;
    let u7 = a[a7 + ka]; s70 += u7 * v0; s71 += u7 * v1;
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
  let rows = min(8u, params.m - row);
  for (var i = 0u; i < rows; i++) {
    var lo = s00;
    var hi = s01;
    for (var j = col; j < min(col + 64u, params.n); j += 8u) {
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
fn direct_nt(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, params.lda, 1u, params.ldb, 1u, true, params.extensions);
}

@compute @workgroup_size(64)
fn direct_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, params.lda, 1u, 1u, params.ldb, false, params.extensions);
}

@compute @workgroup_size(64)
fn direct_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  gemm(wg, lane, 1u, params.lda, 1u, params.ldb, false, 0u);
}
