// Weights of the pixels of target masks (P, N = side * side), which raise the cross-entropy near the target's outline:
//   w = (1 + boundary b) / mean(1 + boundary b),  b = 4 m (1 - m)
// where m is the target under a Gaussian of standard deviation 1.5 pixels, edges repeated. On an outline m is 1/2 and b is 1; two
// pixels away b is 0.33, four away 0.015. The mean weight of a mask is 1. Sums are in a fixed order.
// across: the Gaussian along rows. Grid: (ceil(N / 256), P).
// weigh: the Gaussian along columns, then the weights; one workgroup a mask. Grid: (P).

struct Params {
  side: u32,
  boundary: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>; // the result of across
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

const REACH = 4;
// exp(-k k / (2 * 1.5 * 1.5)) for k from 0, divided by the sum over k from -4 to 4
const TAPS = array<f32, 5>(0.26655997, 0.21344454, 0.10958608, 0.03607497, 0.007614419);

var<workgroup> sums: array<f32, 256>;

@compute @workgroup_size(256)
fn across(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let pixel = group.x * 256u + lane;
  let side = i32(params.side);
  if (pixel >= params.side * params.side) { return; }
  let base = group.y * params.side * params.side;
  let x = i32(pixel % params.side);
  let row = i32(base + pixel) - x;
  var taps = TAPS;
  var sum = 0.0;
  for (var k = -REACH; k <= REACH; k++) {
    sum += taps[abs(k)] * targets[row + clamp(x + k, 0, side - 1)];
  }
  out[base + pixel] = sum;
}

@compute @workgroup_size(256)
fn weigh(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let side = i32(params.side);
  let pixels = side * side;
  let base = i32(group.x) * pixels;
  var taps = TAPS;
  var near = 0.0;
  for (var pixel = i32(lane); pixel < pixels; pixel += 256) {
    let y = pixel / side;
    let x = pixel % side;
    var m = 0.0;
    for (var k = -REACH; k <= REACH; k++) {
      m += taps[abs(k)] * rows[base + clamp(y + k, 0, side - 1) * side + x];
    }
    let b = 4.0 * max(0.0, m * (1.0 - m));
    out[base + pixel] = b;
    near += b;
  }
  sums[lane] = near;
  workgroupBarrier();
  near = 0.0;
  for (var l = 0u; l < 256u; l++) { near += sums[l]; }
  let mean = 1.0 + params.boundary * near / f32(pixels);
  for (var pixel = i32(lane); pixel < pixels; pixel += 256) {
    out[base + pixel] = (1.0 + params.boundary * out[base + pixel]) / mean;
  }
}
