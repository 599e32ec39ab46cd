// The kernels of pointwise.wgsl, four elements at a time: `count` and `repeat` are in fours.

override accumulate = false;
override activation = 1u; // 1 exact GELU, 2 ReLU, 3 sigmoid

struct Params {
  count: u32,
  rounds: u32, // of eight lanes, one after the other
  repeat: u32, // b is read at i % repeat: broadcasts b over the leading dimensions
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

// exact GELU: x Phi(x) = max(x, 0) - u Phi(-u) with u = |x|, Phi the normal distribution. log2 Phi(-u) is a polynomial, so there is one exp2
// and no division. Fitted in float64: absolute error 4e-8, in f32 1e-7 within +-1; from u = 8 on the last term is below 1e-10. A NaN stays one.
fn gelu(x: vec4f) -> vec4f {
  let u = min(abs(x), vec4f(8.0));
  let p = ((((((4.6713749e-6 * u - 1.7130259e-5) * u - 5.5724522e-4) * u + 7.6318607e-3) * u - 0.052907154) * u - 0.45906410) * u - 1.1511242) * u - 0.99999958;
  return select(x, vec4f(0.0), x < vec4f(0.0)) - u * exp2(p);
}

// its derivative Phi(x) + x phi(x): d = Phi(-u) - u phi(u) below 0, 1 - d above. Phi(-u) = exp(-u^2 / 2) times a polynomial in t (the form of
// Abramowitz and Stegun 7.1.26), so both terms share an exponential. Fitted in float64: absolute error 2e-8, in f32 2e-7.
fn gelu_slope(x: vec4f) -> vec4f {
  let u = abs(x);
  let t = 1.0 / (1.0 + 0.395 * u);
  let mills = t * (((((0.054559956 * t - 0.25420650) * t + 0.35345051) * t + 1.7538522e-3) * t + 0.19015094) * t + 0.15429125);
  let d = exp2(-0.72134752 * u * u) * (mills - 0.39894228 * u);
  return select(1.0 - d, d, x < vec4f(0.0));
}

// where a lane begins, and the end of the run that eight lanes share (engine/graph/lane-rounds.ts)
fn run_of(part: u32, lane: u32, count: u32) -> vec2u {
  let size = 8u * params.rounds;
  let first = (part * 8u + lane / 8u) * size;
  return vec2u(first + lane % 8u, min(first + size, count));
}

fn store(i: u32, value: vec4f) {
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
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  var j = run.x % params.repeat;
  let step = 8u % params.repeat;
  for (var i = run.x; i < run.y; i += 8u) {
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
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  var j = run.x % params.repeat;
  let step = 8u % params.repeat;
  for (var i = run.x; i < run.y; i += 8u) {
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
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) {
    store(i, params.alpha * a[i]);
  }
}

@compute @workgroup_size(64)
fn fill(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) {
    out[i] = vec4f(params.alpha);
  }
}

fn activated(x: vec4f) -> vec4f {
  switch (activation) {
    case 1u: { return gelu(x); }
    case 2u: { return max(x, vec4f(0.0)); }
    default: { return 1.0 / (1.0 + exp(-x)); }
  }
}

fn slope(x: vec4f) -> vec4f {
  switch (activation) {
    case 1u: { return gelu_slope(x); }
    case 2u: { return select(vec4f(0.0), vec4f(1.0), x > vec4f(0.0)); }
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
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) {
    out[i] = activated(a[i]);
  }
}

// a: the activation's input x; b: the gradient of its output
@compute @workgroup_size(64)
fn activate_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) {
    store(i, slope(a[i]) * b[i]);
  }
}
