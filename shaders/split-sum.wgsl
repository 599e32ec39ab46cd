// The second pass of matrix products that are split over k (engine/ops/gemm-split.ts), f32:
//   c = alpha * sum over ranges of partial (+ old c)        partial (ranges, batches, m, n), contiguous
// c (batches, m, n), batches c_batch and rows ldc apart, from c_offset on. batches m n (ranges + 1) FLOPs.
// One invocation an output, the ranges in order: the same bits from run to run.
// Dispatch: grid1d(batches * m * n, 64).
struct Params {
  batches: u32, m: u32, n: u32, ranges: u32,
  ldc: u32, c_offset: u32, c_batch: u32,
  accumulate: u32,
  alpha: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(64)
fn split_sum(
  @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32
) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let size = params.batches * params.m * params.n;
  if (i >= size) { return; }
  var sum = 0.0;
  for (var r = 0u; r < params.ranges; r++) { sum += partial[r * size + i]; }
  let row = i / params.n;
  let at = params.c_offset + row / params.m * params.c_batch + row % params.m * params.ldc + i % params.n;
  var v = params.alpha * sum;
  if (params.accumulate != 0u) { v += c[at]; }
  c[at] = v;
}
