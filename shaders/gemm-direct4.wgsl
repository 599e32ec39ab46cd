// The matrix products of gemm-direct.wgsl for aligned operands, read four floats at a time: lda, ldb, ldc, n, all offsets,
// all strides between batches and heads, and the starts in lora_right (ext[e].w) are multiples of 4; for direct4_tn also m.
// k is free. Parameters, epilogue and LoRA term are those of direct_nn and direct_tn.
//   direct4_nn: a (m, k), b (k, n)    direct4_tn: a (k, m), b (k, n)        2 m n k FLOPs
// There is no direct4_nt, which would read 12 rows at a time: direct_nt is faster.
// Grid: (ceil(n / 64), ceil(m / 32) in direct4_nn or ceil(m / 64) in direct4_tn, batches * heads).
//
// Each of the 8 x 8 lanes owns 4 x 8 (nn) or 8 x 8 (tn) outputs in registers. Its columns are two groups of 4, 32 apart, so
// that neighbouring lanes read neighbouring groups. There is no workgroup memory, for the reason in gemm-direct.wgsl, and few
// places in the code load: on a software adapter a load is code for 8 lanes of 4 elements, each with its bounds check, and
// more than about 8 loads overflow the branch predictor.
alias Element = vec4f;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<f32>; // one float at a time: ld_left is free

@compute @workgroup_size(64)
fn direct4_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = starts_of(wg.z) / 4u;
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
    var u0 = a[start.x + i0 * lda + k0 / 4u];
    var u1 = a[start.x + i1 * lda + k0 / 4u];
    var u2 = a[start.x + i2 * lda + k0 / 4u];
    var u3 = a[start.x + i3 * lda + k0 / 4u];
    for (var kk = k0; kk < min(k0 + 4u, params.k); kk++) {
      let v0 = b[start.y + kk * ldb + col];
      let v1 = b[start.y + kk * ldb + far];
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
    let left = params.ext[e].z;
    let first = params.ext[e].w / 4u;
    for (var r = 0u; r < params.rank; r++) {
      let v0 = params.ext_scale * lora_right[first + r * columns + col];
      let v1 = params.ext_scale * lora_right[first + r * columns + far];
      let u0 = lora_left[i0 * params.ld_left + left + r]; s00 += u0 * v0; s01 += u0 * v1;
      let u1 = lora_left[i1 * params.ld_left + left + r]; s10 += u1 * v0; s11 += u1 * v1;
      let u2 = lora_left[i2 * params.ld_left + left + r]; s20 += u2 * v0; s21 += u2 * v1;
      let u3 = lora_left[i3 * params.ld_left + left + r]; s30 += u3 * v0; s31 += u3 * v1;
    }
  }
  let rows = min(4u, params.m - row);
  for (var i = 0u; i < rows; i++) {
    var v = s00;
    for (var j = col; j < min(col + 16u, columns); j += 8u) {
      let at = start.z + (row + i) * ldc + j;
      store_output(at, j, v);
      v = s01;
    }
    s00 = s10; s01 = s11; s10 = s20; s11 = s21; s20 = s30; s21 = s31;
  }
}

@compute @workgroup_size(64)
fn direct4_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = starts_of(wg.z) / 4u;
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
    let v0 = b[start.y + kk * ldb + col];
    let v1 = b[start.y + kk * ldb + far];
    let u0 = a[start.x + kk * lda + near_rows];
    let u1 = a[start.x + kk * lda + far_rows];
    s00 += u0.x * v0; s01 += u0.x * v1;
    s10 += u0.y * v0; s11 += u0.y * v1;
    s20 += u0.z * v0; s21 += u0.z * v1;
    s30 += u0.w * v0; s31 += u0.w * v1;
    s40 += u1.x * v0; s41 += u1.x * v1;
    s50 += u1.y * v0; s51 += u1.y * v1;
    s60 += u1.z * v0; s61 += u1.z * v1;
    s70 += u1.w * v0; s71 += u1.w * v1;
  }
  // use: gemm-alpha
  let rows = min(8u, params.m - row);
  for (var i = 0u; i < rows; i++) {
    var v = s00;
    for (var j = col; j < min(col + 16u, columns); j += 8u) {
      let at = start.z + (row + i) * ldc + j;
      store_output(at, j, v);
      v = s01;
    }
    s00 = s10; s01 = s11; s10 = s20; s11 = s21; s20 = s30; s21 = s31; s30 = s40; s31 = s41;
    s40 = s50; s41 = s51; s50 = s60; s51 = s61; s60 = s70; s61 = s71;
  }
}

// c (k, m) = the transpose of a (m, k): lda, ldc, m, k, offsets and strides are multiples of 4. A lane moves a block of 4 x 4.
// For adapters whose matrix products are bound by loads: direct4_tn on a transposed a is faster than direct4_nn.
// Grid: (ceil(k / 32), ceil(m / 32), batches * heads).
@compute @workgroup_size(64)
fn direct4_transpose(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let start = starts_of(wg.z) / 4u;
  let lda = params.lda / 4u;
  let ldc = params.ldc / 4u;
  let row = wg.y * 8u + lane / 8u;
  let col = wg.x * 8u + lane % 8u;
  if (row * 4u >= params.m || col * 4u >= params.k) { return; }
  let from_a = start.x + row * 4u * lda + col;
  let to_c = start.z + col * 4u * ldc + row;
  let r0 = a[from_a];
  let r1 = a[from_a + lda];
  let r2 = a[from_a + 2u * lda];
  let r3 = a[from_a + 3u * lda];
  c[to_c] = vec4f(r0.x, r1.x, r2.x, r3.x);
  c[to_c + ldc] = vec4f(r0.y, r1.y, r2.y, r3.y);
  c[to_c + 2u * ldc] = vec4f(r0.z, r1.z, r2.z, r3.z);
  c[to_c + 3u * ldc] = vec4f(r0.w, r1.w, r2.w, r3.w);
}
