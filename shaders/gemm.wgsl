// C = act(alpha A B + LoRA + bias) + residual (+ C), strided and batched. Plain text to start from: one lane an 8x8 tile.

struct Params {
  m: u32, n: u32, k: u32, heads: u32,
  lda: u32, ldb: u32, ldc: u32, ldt: u32,
  a_offset: u32, b_offset: u32, c_offset: u32,
  a_batch: u32, b_batch: u32, c_batch: u32,
  a_head: u32, b_head: u32, c_head: u32,
  alpha: f32,
  bias: u32, activation: u32, residual: u32, accumulate: u32, keep_pre: u32,
  extensions: u32,
  rank: u32, ext_scale: f32,
  ext: array<vec4<u32>, 4>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<storage, read> bias_values: array<f32>;
@group(0) @binding(5) var<storage, read> residual_values: array<f32>;
@group(0) @binding(6) var<storage, read_write> pre: array<f32>;
@group(0) @binding(7) var<storage, read> t: array<f32>;
@group(0) @binding(8) var<storage, read> tb: array<f32>;

fn erf(x: f32) -> f32 {
  let s = 1.0 / (1.0 + 0.3275911 * abs(x));
  let p = s * (0.254829592 + s * (-0.284496736 + s * (1.421413741 + s * (-1.453152027 + s * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-x * x));
}

fn finish(z: u32, row: u32, col: u32, product: f32) {
  var v = params.alpha * product;
  let at = params.c_offset + (z / params.heads) * params.c_batch + (z % params.heads) * params.c_head + row * params.ldc + col;
  if (params.bias != 0u) { v += bias_values[col]; }
  if (params.keep_pre != 0u) { pre[at] = v; }
  if (params.activation == 1u) { v = 0.5 * v * (1.0 + erf(v * 0.7071067811865476)); }
  if (params.activation == 2u) { v = max(v, 0.0); }
  if (params.residual != 0u) { v += residual_values[at]; }
  if (params.accumulate != 0u) { v += c[at]; }
  c[at] = v;
}

@compute @workgroup_size(64)
fn gemm_nt(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let z = group.z;
  let a_base = params.a_offset + (z / params.heads) * params.a_batch + (z % params.heads) * params.a_head;
  let b_base = params.b_offset + (z / params.heads) * params.b_batch + (z % params.heads) * params.b_head;
  for (var i = 0u; i < 64u; i++) {
    let row = group.y * 64u + i;
    let col = group.x * 64u + lane;
    if (row >= params.m || col >= params.n) { continue; }
    var sum = 0.0;
    for (var kk = 0u; kk < params.k; kk++) { sum = fma(a[a_base + row * params.lda + kk], b[b_base + col * params.ldb + kk], sum); }
    for (var e = 0u; e < params.extensions; e++) {
      let x = params.ext[e];
      if (col < x.x || col >= x.y) { continue; }
      var extra = 0.0;
      for (var r = 0u; r < params.rank; r++) { extra += t[row * params.ldt + x.z + r] * tb[x.w + (col - x.x) * params.rank + r]; }
      sum += params.ext_scale * extra / params.alpha;
    }
    finish(z, row, col, sum);
  }
}

@compute @workgroup_size(64)
fn gemm_nn(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let z = group.z;
  let a_base = params.a_offset + (z / params.heads) * params.a_batch + (z % params.heads) * params.a_head;
  let b_base = params.b_offset + (z / params.heads) * params.b_batch + (z % params.heads) * params.b_head;
  for (var i = 0u; i < 64u; i++) {
    let row = group.y * 64u + i;
    let col = group.x * 64u + lane;
    if (row >= params.m || col >= params.n) { continue; }
    var sum = 0.0;
    for (var kk = 0u; kk < params.k; kk++) { sum = fma(a[a_base + row * params.lda + kk], b[b_base + kk * params.ldb + col], sum); }
    for (var e = 0u; e < params.extensions; e++) {
      let x = params.ext[e];
      var extra = 0.0;
      for (var r = 0u; r < params.rank; r++) { extra += t[row * params.ldt + x.z + r] * tb[x.w + r * params.n + col]; }
      sum += params.ext_scale * extra / params.alpha;
    }
    finish(z, row, col, sum);
  }
}

@compute @workgroup_size(64)
fn gemm_tn(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let z = group.z;
  let a_base = params.a_offset + (z / params.heads) * params.a_batch + (z % params.heads) * params.a_head;
  let b_base = params.b_offset + (z / params.heads) * params.b_batch + (z % params.heads) * params.b_head;
  for (var i = 0u; i < 64u; i++) {
    let row = group.y * 64u + i;
    let col = group.x * 64u + lane;
    if (row >= params.m || col >= params.n) { continue; }
    var sum = 0.0;
    for (var kk = 0u; kk < params.k; kk++) { sum = fma(a[a_base + kk * params.lda + row], b[b_base + kk * params.ldb + col], sum); }
    finish(z, row, col, sum);
  }
}
