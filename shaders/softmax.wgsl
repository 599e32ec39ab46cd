// Softmax of the rows of x (rows, n). Columns from `valid` on get probability 0 and gradient 0; valid is n or
// counts[row / rows_per_count]. A row without any valid column is all zeros.
// forward: y = exp(x - max) / sum, about 5 FLOPs an element. backward: dx (+)= y (dy - sum(y dy)), 4 FLOPs an element.
// long_*: one workgroup of 64 lanes a row, for wide rows. Grid: grid1d(rows, 1).
// short_*: one lane a row, for narrow rows, and for many rows of any width on a software adapter, where a barrier and the sums
//   over 64 lanes cost more than the rows. Grid: grid1d(rows, 64).

struct Params {
  rows: u32,
  n: u32,
  masked: u32,         // 1: counts are given
  rows_per_count: u32,
  accumulate: u32,     // backward: add to out
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;  // backward: y, the probabilities
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

// use: store-out, workgroup-index

const LANES = 64u;
const LOWEST = -3.0e38;

var<workgroup> lane_max: array<f32, 64>;
var<workgroup> lane_sum: array<f32, 64>;

// the number of valid columns of a row
fn valid(row: u32) -> u32 {
  if (params.masked == 0u) { return params.n; }
  return min(counts[row / params.rows_per_count], params.n);
}

fn inverse(sum: f32) -> f32 {
  return select(0.0, 1.0 / sum, sum > 0.0);
}

@compute @workgroup_size(64)
fn long_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(group, groups);
  if (row >= params.rows) { return; }
  let base = row * params.n;
  let count = valid(row);
  var top = LOWEST;
  for (var i = lane; i < count; i += LANES) { top = max(top, x[base + i]); }
  var sum = 0.0;
  for (var i = lane; i < count; i += LANES) { sum += exp(x[base + i] - top); }
  lane_max[lane] = top;
  lane_sum[lane] = sum;
  workgroupBarrier();
  // every lane combines all partial sums itself, in the same order, so that one barrier is enough
  top = LOWEST;
  for (var l = 0u; l < LANES; l++) { top = max(top, lane_max[l]); }
  sum = 0.0;
  for (var l = 0u; l < LANES; l++) { sum += lane_sum[l] * exp(lane_max[l] - top); }
  let factor = inverse(sum);
  for (var i = lane; i < params.n; i += LANES) {
    out[base + i] = select(0.0, exp(x[base + i] - top) * factor, i < count);
  }
}

@compute @workgroup_size(64)
fn long_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(group, groups);
  if (row >= params.rows) { return; }
  let base = row * params.n;
  let count = valid(row);
  var sum = 0.0;
  for (var i = lane; i < count; i += LANES) { sum = fma(x[base + i], dy[base + i], sum); }
  lane_sum[lane] = sum;
  workgroupBarrier();
  sum = 0.0;
  for (var l = 0u; l < LANES; l++) { sum += lane_sum[l]; }
  for (var i = lane; i < params.n; i += LANES) {
    store(base + i, select(0.0, x[base + i] * (dy[base + i] - sum), i < count));
  }
}

@compute @workgroup_size(64)
fn short_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(group, groups) * LANES + lane;
  if (row >= params.rows) { return; }
  let base = row * params.n;
  let count = valid(row);
  var top = LOWEST;
  for (var i = 0u; i < count; i++) { top = max(top, x[base + i]); }
  var sum = 0.0;
  for (var i = 0u; i < count; i++) {
    let e = exp(x[base + i] - top);
    out[base + i] = e;
    sum += e;
  }
  let factor = inverse(sum);
  for (var i = 0u; i < count; i++) { out[base + i] *= factor; }
  for (var i = count; i < params.n; i++) { out[base + i] = 0.0; }
}

@compute @workgroup_size(64)
fn short_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(group, groups) * LANES + lane;
  if (row >= params.rows) { return; }
  let base = row * params.n;
  let count = valid(row);
  var sum = 0.0;
  for (var i = 0u; i < count; i++) { sum = fma(x[base + i], dy[base + i], sum); }
  for (var i = 0u; i < params.n; i++) {
    store(base + i, select(0.0, x[base + i] * (dy[base + i] - sum), i < count));
  }
}
