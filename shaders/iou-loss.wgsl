// Weighted squared error of predicted IoUs (count) against the IoUs in the statistics (count, 4) of mask-loss.wgsl.
// forward:  loss = factor * sum(weight (predicted - iou)^2), 4 FLOPs an element; one workgroup.
// backward: dpredicted (+)= upstream * 2 factor weight (predicted - iou). Grid: (ceil(count / 256)).

struct Params {
  count: u32,
  accumulate: u32, // backward: add to out
  factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> predicted: array<f32>;
@group(0) @binding(2) var<storage, read> per_mask: array<vec4f>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> upstream: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

// use: store-out

var<workgroup> lanes: array<f32, 256>;

@compute @workgroup_size(256)
fn forward(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += 256u) {
    let error = predicted[i] - per_mask[i].z;
    // skipped rather than multiplied by 0: predictions of weight 0 may be NaN
    if (weights[i] != 0.0) { sum = fma(weights[i] * error, error, sum); }
  }
  lanes[lane] = sum;
  workgroupBarrier();
  if (lane != 0u) { return; }
  sum = 0.0;
  for (var l = 0u; l < 256u; l++) { sum += lanes[l]; }
  out[0] = params.factor * sum;
}

@compute @workgroup_size(256)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 256u + lane;
  if (i >= params.count) { return; }
  var gradient = 0.0;
  if (weights[i] != 0.0) { gradient = upstream[0] * 2.0 * params.factor * weights[i] * (predicted[i] - per_mask[i].z); }
  store(i, gradient);
}
