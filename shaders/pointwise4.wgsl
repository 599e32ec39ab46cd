// The kernels of pointwise.wgsl, four elements a lane: `count` and `repeat` are in fours. A software adapter is bound by
// the number of loads, so this is up to four times as fast there. Grid: grid1d(count / 4), 256 lanes a workgroup.
// combine: out = alpha*a + beta*b (+ old out where accumulate). FLOPs 3 count; reads a, b, writes out.
// multiply: out = alpha*a*b (+ old out). fill: out = alpha. activate / activate_backward: exact GELU or ReLU and its derivative at the kept input x.

struct Params {
  count: u32,
  accumulate: u32,
  activation: u32, // 1 exact GELU, 2 ReLU, 3 sigmoid
  repeat: u32,     // b is read at i % repeat: broadcasts b over the leading dimensions
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

// Abramowitz & Stegun 7.1.26, absolute error 1.5e-7
fn erf(x: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return sign(x) * (1.0 - p * exp(-x * x));
}

fn index(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * 256u + lane;
}

fn store(i: u32, value: vec4<f32>) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}

@compute @workgroup_size(256)
fn combine(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  store(i, params.alpha * a[i] + params.beta * b[i % params.repeat]);
}

@compute @workgroup_size(256)
fn multiply(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  store(i, params.alpha * a[i] * b[i % params.repeat]);
}

@compute @workgroup_size(256)
fn scale(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  store(i, params.alpha * a[i]);
}

@compute @workgroup_size(256)
fn fill(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  out[i] = vec4<f32>(params.alpha);
}

@compute @workgroup_size(256)
fn activate(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  let x = a[i];
  var y = max(x, vec4<f32>());
  if (params.activation == 1u) { y = 0.5 * x * (1.0 + erf(x * 0.7071067811865476)); }
  if (params.activation == 3u) { y = 1.0 / (1.0 + exp(-x)); }
  out[i] = y;
}

// a: the activation's input x; b: the gradient of its output
@compute @workgroup_size(256)
fn activate_backward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  let x = a[i];
  var slope = select(vec4<f32>(), vec4<f32>(1.0), x > vec4<f32>());
  if (params.activation == 1u) {
    slope = 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * 0.3989422804014327 * exp(-0.5 * x * x);
  }
  if (params.activation == 3u) {
    let y = 1.0 / (1.0 + exp(-x));
    slope = y * (1.0 - y);
  }
  store(i, slope * b[i]);
}
