// The matrix products of gemm-direct.wgsl, with the same parameters, tensors, LoRA term, epilogue and grid (ceil(n / 64),
// ceil(m / 64), batches * heads), through workgroup memory: for GPUs. 2 m n k FLOPs.
//
// 64 lanes stage 16 steps of k of a block of 64 x 64 outputs in tiles (8 KiB), k outermost. At each step a lane then reads four
// vec4 for 64 multiply-adds: its 8 x 8 outputs are consecutive rows, and two groups of 4 columns, 32 apart, which spreads the
// reads over the banks. On a software adapter a barrier moves every local variable to memory: gemm-direct.wgsl is faster there.
alias Element = f32;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<f32>;

var<workgroup> a_tile: array<vec4f, 256>; // 16 steps of k by 64 rows
var<workgroup> b_tile: array<vec4f, 256>; // 16 steps of k by 64 columns

// step kk of rows first to first + 3 of a, `stride` apart; zeros beyond the matrix
fn load_a(base: u32, stride: u32, first: u32, kk: u32) -> vec4f {
  var v = vec4f();
  if (kk >= params.k) { return v; }
  if (first < params.m) { v.x = a[base + first * stride]; }
  if (first + 1u < params.m) { v.y = a[base + (first + 1u) * stride]; }
  if (first + 2u < params.m) { v.z = a[base + (first + 2u) * stride]; }
  if (first + 3u < params.m) { v.w = a[base + (first + 3u) * stride]; }
  return v;
}

// step kk of columns first to first + 3 of b, `stride` apart; zeros beyond the matrix
fn load_b(base: u32, stride: u32, first: u32, kk: u32) -> vec4f {
  var v = vec4f();
  if (kk >= params.k) { return v; }
  if (first < params.n) { v.x = b[base + first * stride]; }
  if (first + 1u < params.n) { v.y = b[base + (first + 1u) * stride]; }
  if (first + 2u < params.n) { v.z = b[base + (first + 2u) * stride]; }
  if (first + 3u < params.n) { v.w = b[base + (first + 3u) * stride]; }
  return v;
}

// element (i, kk) of a is at i * a_row + kk * a_step, element (kk, j) of b at j * b_col + kk * b_step
fn gemm(wg: vec3u, lane: u32, a_row: u32, a_step: u32, b_col: u32, b_step: u32, by_columns: bool, extensions: u32) {
  let start = starts_of(wg.z);
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
      // neighbouring lanes read neighbouring elements: along k if its step is 1, else along rows or columns
      let slot = q * 64u + lane;
      let a_kk = select(slot / 16u, slot % 16u, a_step == 1u);
      let a_at = select(slot % 16u, slot / 16u, a_step == 1u);
      a_tile[a_kk * 16u + a_at] = load_a(start.x + (k0 + a_kk) * a_step, a_row, wg.y * 64u + a_at * 4u, k0 + a_kk);
      let b_kk = select(slot / 16u, slot % 16u, b_step == 1u);
      let b_at = select(slot % 16u, slot / 16u, b_step == 1u);
      b_tile[b_kk * 16u + b_at] = load_b(start.y + (k0 + b_kk) * b_step, b_col, wg.x * 64u + b_at * 4u, k0 + b_kk);
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
  // use: gemm-lora
  let rows = select(0u, min(8u, params.m - row), row < params.m);
  for (var i = 0u; i < rows; i++) {
    var lo = s00;
    var hi = s01;
    for (var q = 0u; q < 8u; q++) {
      let j = col + q + q / 4u * 28u;
      if (j >= params.n) { break; }
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
