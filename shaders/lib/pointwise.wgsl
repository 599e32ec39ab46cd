// Element-wise kernels over `count` Elements; Element is f32 or vec4f.
//   combine:  out = alpha a + beta b (+ old out)    3 FLOPs an element    scale: out = alpha a (+ old out)
//   multiply: out = alpha a b (+ old out)                                 fill:  out = alpha
//   activate: out = exact GELU, ReLU or sigmoid of a
//   activate_backward: out = the activation's derivative at its input a, times b, the gradient of its output (+ old out)
// Grid: grid1d(count, 64 * rounds), see lib/lane-range.wgsl. All are bound by memory. What is the same for all elements is a
// constant of the pipeline rather than a uniform, because a software adapter computes both sides of a branch.

override accumulate = false;
override activation = 1u; // 1 exact GELU, 2 ReLU, 3 sigmoid

struct Params {
  count: u32,
  rounds: u32, // elements of a lane
  repeat: u32, // b is read at i % repeat, which broadcasts it over leading dimensions
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Element>;
@group(0) @binding(2) var<storage, read> b: array<Element>;
@group(0) @binding(3) var<storage, read_write> out: array<Element>;

// use: gelu, gelu-slope, lane-range, workgroup-index

fn store(i: u32, value: Element) {
  if (accumulate) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}

@compute @workgroup_size(64)
fn combine(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  var j = range.x % params.repeat;
  let step = 8u % params.repeat;
  for (var i = range.x; i < range.y; i += 8u) {
    store(i, params.alpha * a[i] + params.beta * b[j]);
    j += step;
    j = select(j, j - params.repeat, j >= params.repeat);
  }
}

@compute @workgroup_size(64)
fn multiply(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  var j = range.x % params.repeat;
  let step = 8u % params.repeat;
  for (var i = range.x; i < range.y; i += 8u) {
    store(i, params.alpha * a[i] * b[j]);
    j += step;
    j = select(j, j - params.repeat, j >= params.repeat);
  }
}

@compute @workgroup_size(64)
fn scale(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    store(i, params.alpha * a[i]);
  }
}

@compute @workgroup_size(64)
fn fill(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    out[i] = Element(params.alpha);
  }
}

fn activated(x: Element) -> Element {
  switch (activation) {
    case 1u: { return gelu(x); }
    case 2u: { return max(x, Element(0.0)); }
    default: { return 1.0 / (1.0 + exp(-x)); }
  }
}

fn slope(x: Element) -> Element {
  switch (activation) {
    case 1u: { return gelu_slope(x); }
    case 2u: { return select(Element(0.0), Element(1.0), x > Element(0.0)); }
    default: {
      let y = 1.0 / (1.0 + exp(-x));
      return y * (1.0 - y);
    }
  }
}

@compute @workgroup_size(64)
fn activate(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    out[i] = activated(a[i]);
  }
}

@compute @workgroup_size(64)
fn activate_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    store(i, slope(a[i]) * b[i]);
  }
}
