// Depthwise 3x3 convolution, padding 1, stride 1 or 2, NHWC. weight (9, C), bias (C).
//   forward:  y (B, Ho, Wo, C) from x (B, H, W, C), Ho = ceil(H / stride).      18 B Ho Wo C FLOPs
//   backward: dx (B, H, W, C) from dy (B, Ho, Wo, C), gathered.                 18 B H W C FLOPs
// At stride 1 `forward` computes the gradient too, faster on software adapters: y = dx from x = dy, with `mirrored` weights
// and without a bias.
// A lane computes four channels of a pixel, and neighbouring lanes neighbouring channels: every load is consecutive, and all
// lanes of a workgroup read the same lines. In `forward` a lane computes `rounds` consecutive pixels of a line and keeps in
// registers its weights and the pixels that two windows share: on a software adapter a load costs more than ten
// multiplications, and starting a lane more than a load. On a GPU there are few rounds. In `backward` there is always one.
// Grid: (ceil(lanes of a line / 64), lines, B), where lines are those of the tensor that is written.

struct Params {
  height: u32,
  width: u32,
  channels: u32, // C / 4
  stride: u32,   // 1 or 2
  rounds: u32,   // forward: pixels of a lane
  mirrored: u32, // 1: the nine weights in reverse order
  out_height: u32,
  out_width: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

// column in_x of the three lines from in_y on, zeros outside the image; in_x and in_y are one more than the coordinates
fn column_of(image: u32, in_y: u32, in_x: u32, c: u32) -> mat3x4f {
  let inside = in_x >= 1u && in_x <= params.width;
  let at = clamp(in_x, 1u, params.width) - 1u;
  var column: mat3x4f;
  for (var ky = 0u; ky < 3u; ky++) {
    let line = image * params.height + clamp(in_y + ky, 1u, params.height) - 1u;
    let value = x[(line * params.width + at) * params.channels + c];
    column[ky] = select(vec4f(0.0), value, inside && in_y + ky >= 1u && in_y + ky <= params.height);
  }
  return column;
}

// the weights of column kx
fn weights_of(kx: u32, c: u32) -> mat3x4f {
  var column: mat3x4f;
  for (var ky = 0u; ky < 3u; ky++) {
    let k = ky * 3u + kx;
    column[ky] = weight[select(k, 8u - k, params.mirrored != 0u) * params.channels + c];
  }
  return column;
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  let part = i / params.channels;
  let c = i - part * params.channels;
  let first = part * params.rounds;
  if (first >= params.out_width) { return; }
  let pixels = min(params.rounds, params.out_width - first);
  let w0 = weights_of(0u, c);
  let w1 = weights_of(1u, c);
  let w2 = weights_of(2u, c);
  let b = bias[c];
  let line = (group.z * params.out_height + group.y) * params.out_width + first;
  var left: mat3x4f;
  var middle: mat3x4f;
  // One place in the code reads columns, which keeps it short. The third column completes the first window; after it, every
  // stride-th column completes one.
  let columns = (pixels - 1u) * params.stride + 3u;
  for (var n = 0u; n < columns; n++) {
    let right = column_of(group.z, group.y * params.stride, first * params.stride + n, c);
    if (n >= 2u && (n & (params.stride - 1u)) == 0u) {
      var sum = b;
      for (var ky = 0u; ky < 3u; ky++) {
        sum = fma(right[ky], w2[ky], fma(middle[ky], w1[ky], fma(left[ky], w0[ky], sum)));
      }
      let at = (line + (n - 2u) / params.stride) * params.channels + c;
      if (params.accumulate != 0u) { sum += y[at]; }
      y[at] = sum;
    }
    left = middle;
    middle = right;
  }
}

@compute @workgroup_size(64)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  let in_x = i / params.channels;
  if (in_x >= params.width) { return; }
  let c = i - in_x * params.channels;
  let halve = params.stride - 1u; // a mask for v % stride, and a shift for v / stride
  var sum = vec4(0.0);
  for (var ky = 0u; ky < 3u; ky++) {
    // the output line whose window has this one at ky: out_y * stride = in_y + 1 - ky
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
