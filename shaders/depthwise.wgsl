// Depthwise 3x3 convolution, padding 1, stride 1 or 2, NHWC. weight (9, C), bias (C).
//   forward:  y (B, Ho, Wo, C) from x (B, H, W, C), Ho = ceil(H / stride).      18 B Ho Wo C FLOPs
//   backward: dx (B, H, W, C) from dy (B, Ho, Wo, C), gathered.                 18 B H W C FLOPs
// One lane an element, neighbours along C: every load is consecutive. Grid: grid1d(elements written).

struct Params {
  batch: u32,
  height: u32,
  width: u32,
  channels: u32,
  stride: u32,
  out_height: u32,
  out_width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let c = i % params.channels;
  let pixel = i / params.channels;
  let ox = pixel % params.out_width;
  let oy = pixel / params.out_width % params.out_height;
  let b = pixel / (params.out_width * params.out_height);
  if (b >= params.batch) { return; }
  var sum = bias[c];
  for (var ky = 0u; ky < 3u; ky++) {
    let sy = oy * params.stride + ky; // one more than the row, so that it stays unsigned
    for (var kx = 0u; kx < 3u; kx++) {
      let sx = ox * params.stride + kx;
      if (sy >= 1u && sy <= params.height && sx >= 1u && sx <= params.width) {
        let at = ((b * params.height + sy - 1u) * params.width + sx - 1u) * params.channels + c;
        sum = fma(x[at], weight[(ky * 3u + kx) * params.channels + c], sum);
      }
    }
  }
  y[i] = sum;
}

@compute @workgroup_size(256)
fn backward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let c = i % params.channels;
  let pixel = i / params.channels;
  let sx = pixel % params.width;
  let sy = pixel / params.width % params.height;
  let b = pixel / (params.width * params.height);
  if (b >= params.batch) { return; }
  var sum = 0.0;
  for (var ky = 0u; ky < 3u; ky++) {
    // the output row that saw this one at ky: oy * stride = sy + 1 - ky
    let ty = sy + 3u - ky;
    for (var kx = 0u; kx < 3u; kx++) {
      let tx = sx + 3u - kx;
      if (ty < 2u || tx < 2u || (ty - 2u) % params.stride != 0u || (tx - 2u) % params.stride != 0u) { continue; }
      let oy = (ty - 2u) / params.stride;
      let ox = (tx - 2u) / params.stride;
      if (oy < params.out_height && ox < params.out_width) {
        let at = ((b * params.out_height + oy) * params.out_width + ox) * params.channels + c;
        sum = fma(dy[at], weight[(ky * 3u + kx) * params.channels + c], sum);
      }
    }
  }
  if (params.accumulate != 0u) { sum += dx[i]; }
  dx[i] = sum;
}
