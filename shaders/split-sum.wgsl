// The second pass of matrix products whose sums over k are split into ranges (engine/ops/gemm-split.ts), f32:
//   c = alpha * sum over ranges of partial + bias + residual_values (+ old c)
// partial (ranges, batches, m, n), contiguous; c (batches, m, n) from c_offset on, with batches c_batch and rows ldc apart;
// residual_values has the layout of c. Tensors that are not used may be any buffer. batches m n (ranges + 3) FLOPs.
// One lane computes one output and adds its ranges in a fixed order, so the bits repeat from run to run. It keeps four sums, so
// that four loads are in flight at once. Grid: grid1d(batches * m * n, 64).
struct Params {
  batches: u32, m: u32, n: u32, ranges: u32,
  ldc: u32, c_offset: u32, c_batch: u32,
  bias: u32, residual: u32, accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<storage, read> bias_values: array<f32>;
@group(0) @binding(4) var<storage, read> residual_values: array<f32>;

// use: workgroup-index

@compute @workgroup_size(64)
fn split_sum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 64u + lane;
  let size = params.batches * params.m * params.n;
  if (i >= size) { return; }
  var sums = vec4f();
  let fours = params.ranges / 4u * 4u;
  for (var r = 0u; r < fours; r += 4u) {
    let at = r * size + i;
    sums += vec4f(partial[at], partial[at + size], partial[at + 2u * size], partial[at + 3u * size]);
  }
  for (var r = fours; r < params.ranges; r++) { sums.x += partial[r * size + i]; }
  let row = i / params.n;
  let column = i % params.n;
  let at = params.c_offset + row / params.m * params.c_batch + row % params.m * params.ldc + column;
  var v = params.alpha * ((sums.x + sums.y) + (sums.z + sums.w));
  if (params.bias != 0u) { v += bias_values[column]; }
  if (params.residual != 0u) { v += residual_values[at]; }
  if (params.accumulate != 0u) { v += c[at]; }
  c[at] = v;
}
