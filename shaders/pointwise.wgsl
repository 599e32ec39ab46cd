// Elementwise kernels over `count` f32. Grid: grid1d(count), 256 lanes a workgroup.
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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

// erf to f32's own precision: an odd polynomial below 1, above it 1 - erfc by a polynomial in 1 / (1 + 0.3275911 z)
// (the form of Abramowitz and Stegun 7.1.26). Both fitted in float64; absolute error 7e-8.
fn erf(x: f32) -> f32 {
  let z = abs(x);
  let s = min(z, 1.0);
  let u = s * s;
  let inner = s * ((((((7.8824975e-5 * u - 8.0188550e-4) * u + 5.1893122e-3) * u - 2.6854329e-2) * u + 0.11283597) * u - 0.37612626) * u + 1.1283791);
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let outer = t * ((((((-0.036877871 * t + 0.44781405) * t - 0.29597536) * t + 0.41487250) * t + 0.085990556) * t + 0.20097603) * t + 0.18360624);
  return sign(x) * select(1.0 - outer * exp(-z * z), inner, z < 1.0);
}

fn index(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * 256u + lane;
}

fn store(i: u32, value: f32) {
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
  out[i] = params.alpha;
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
  var y = max(x, 0.0);
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
  var slope = select(0.0, 1.0, x > 0.0);
  if (params.activation == 1u) {
    slope = 0.5 * (1.0 + erf(x * 0.7071067811865476)) + x * 0.3989422804014327 * exp(-0.5 * x * x);
  }
  if (params.activation == 3u) {
    let y = 1.0 / (1.0 + exp(-x));
    slope = y * (1.0 - y);
  }
  store(i, slope * b[i]);
}
