// Depthwise 3x3 convolution, padding 1, stride 1 or 2, NHWC. weight (9, C), bias (C).
//   forward:  y (B, Ho, Wo, C) from x (B, H, W, C), Ho = ceil(H / stride).      18 B Ho Wo C FLOPs
//   backward: dx (B, H, W, C) from dy (B, Ho, Wo, C), gathered.                 18 B H W C FLOPs
// One lane takes four channels of a pixel, neighbours along C: every load is consecutive, and which lines a workgroup
// reads is the same for all its lanes. Grid: (blocks of 64 over a line of what is written, its lines, B).

struct Params {
  height: u32,
  width: u32,
  channels: u32, // C / 4
  stride: u32,   // 1 or 2
  out_height: u32,
  out_width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  let out_x = i / params.channels;
  if (out_x >= params.out_width) { return; }
  let c = i - out_x * params.channels;
  var sum = bias[c];
  for (var ky = 0u; ky < 3u; ky++) {
    let in_y = group.y * params.stride + ky; // one more than the line, so that it stays unsigned
    if (in_y < 1u || in_y > params.height) { continue; }
    let line = (group.z * params.height + in_y - 1u) * params.width;
    for (var kx = 0u; kx < 3u; kx++) {
      let in_x = out_x * params.stride + kx;
      if (in_x < 1u || in_x > params.width) { continue; }
      sum = fma(x[(line + in_x - 1u) * params.channels + c], weight[(ky * 3u + kx) * params.channels + c], sum);
    }
  }
  y[(group.z * params.out_height + group.y) * params.out_width * params.channels + i] = sum;
}

@compute @workgroup_size(64)
fn backward(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  let in_x = i / params.channels;
  if (in_x >= params.width) { return; }
  let c = i - in_x * params.channels;
  let halve = params.stride - 1u; // to mask and shift by: v % stride and v / stride
  var sum = vec4(0.0);
  for (var ky = 0u; ky < 3u; ky++) {
    // the output line that saw this one at ky: out_y * stride = in_y + 1 - ky
    let ty = group.y + 1u - ky;
    if (group.y + 1u < ky || (ty & halve) != 0u || (ty >> halve) >= params.out_height) { continue; }
    let line = (group.z * params.out_height + (ty >> halve)) * params.out_width;
    for (var kx = 0u; kx < 3u; kx++) {
      let tx = in_x + 1u - kx;
      if (in_x + 1u < kx || (tx & halve) != 0u || (tx >> halve) >= params.out_width) { continue; }
      sum = fma(dy[(line + (tx >> halve)) * params.channels + c], weight[(ky * 3u + kx) * params.channels + c], sum);
    }
  }
  let at = (group.z * params.height + group.y) * params.width * params.channels + i;
  if (params.accumulate != 0u) { sum += dx[at]; }
  dx[at] = sum;
}
