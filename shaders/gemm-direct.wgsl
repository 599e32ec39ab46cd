// Matrix product c = act(alpha * a b + LoRA + bias) + residual (+ old c) in f32, row-major, of any sizes and strides.
//   direct_nt: a (m, k), b (n, k)    direct_nn: a (m, k), b (k, n)    direct_tn: a (k, m), b (k, n)        2 m n k FLOPs
// The LoRA term is the sum over the parts of `ext`, with (begin, end, left, first) = ext[e] and r < rank, of
//   direct_nt, columns begin <= col < end: ext_scale * lora_left[row, left + r] * lora_right[first + (col - begin) * rank + r]
//   direct_nn, all columns:                ext_scale * lora_left[row, left + r] * lora_right[first + r * n + col]
// lora_left is (m, ld_left). `pre` and `residual_values` have the layout of c; `pre` keeps the value before the activation.
// Tensors that a product does not use may be any buffer. Grid: (ceil(n / 64), ceil(m / 64), batches * heads).
//
// Each of the 8 x 8 lanes owns 8 x 8 outputs in registers: consecutive rows, and columns 8 apart, so that neighbouring lanes
// read neighbouring elements of b. There is no workgroup memory on purpose: on a software adapter a barrier moves every local
// variable from registers to memory, which halves the speed; on a GPU the cache serves the repeated rows. The outputs are
// stored by a loop over rotating registers: unrolled, it would take most of the compile time.
alias Element = f32;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<f32>;

// element (i, kk) of a is at i * a_row + kk * a_step, element (kk, j) of b at j * b_col + kk * b_step
fn gemm(wg: vec3u, lane: u32, a_row: u32, a_step: u32, b_col: u32, b_step: u32, by_columns: bool, extensions: u32) {
  let start = starts_of(wg.z);
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
  let b0 = start.y + j0 * b_col;
  let b1 = start.y + j1 * b_col;
  let b2 = start.y + j2 * b_col;
  let b3 = start.y + j3 * b_col;
  let b4 = start.y + j4 * b_col;
  let b5 = start.y + j5 * b_col;
  let b6 = start.y + j6 * b_col;
  let b7 = start.y + j7 * b_col;
  let a0 = start.x + i0 * a_row;
  let a1 = start.x + i1 * a_row;
  let a2 = start.x + i2 * a_row;
  let a3 = start.x + i3 * a_row;
  let a4 = start.x + i4 * a_row;
  let a5 = start.x + i5 * a_row;
  let a6 = start.x + i6 * a_row;
  let a7 = start.x + i7 * a_row;
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
  // use: gemm-lora
  let rows = min(8u, params.m - row);
  for (var i = 0u; i < rows; i++) {
    var lo = s00;
    var hi = s01;
    for (var j = col; j < min(col + 64u, params.n); j += 8u) {
      let at = start.z + (row + i) * params.ldc + j;
      store_output(at, j, lo.x);
      lo = vec4f(lo.yzw, hi.x);
      hi = hi.yzwx;
    }
    s00 = s10; s01 = s11; s10 = s20; s11 = s21; s20 = s30; s21 = s31; s30 = s40; s31 = s41;
    s40 = s50; s41 = s51; s50 = s60; s51 = s61; s60 = s70; s61 = s71;
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
