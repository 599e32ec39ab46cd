// Bilinear resizing with pixel centres at +0.5 (align_corners false), no antialiasing, edges repeated.
// The source coordinate of output o, (2 o + 1) in / (2 out) - 1/2, is kept as a whole number in units of 1 / (2 out), so that
// positions and weights are exact up to one rounding at any size.
// forward:  x (B, H, W, C) to y (B, Ho, Wo, C). 9 FLOPs a value.
// backward: dx (B, H, W, C) (+)= the sum over every output within one pixel of this one, by its weight, in order.
// Grid: (ceil(line / (64 * rounds)), lines, B), where lines are those of the tensor that is written: see lib/lane-range.wgsl.

struct Params {
  height: u32,
  width: u32,
  out_height: u32,
  out_width: u32,
  channels: u32,
  accumulate: u32, // backward: 1 to add to dx
  rounds: u32, // elements of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// use: lane-range

// the source coordinate of output o in units of 1 / (2 to), clamped to the first and last pixel centre
fn source(o: u32, size: u32, to: u32) -> u32 {
  let position = i32((2u * o + 1u) * size) - i32(to);
  return u32(clamp(position, 0, i32((size - 1u) * 2u * to)));
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let range = lane_range(group.x, lane, params.out_width * params.channels);
  let unit_y = 2u * params.out_height;
  let unit_x = 2u * params.out_width;
  let sy = source(group.y, params.height, params.out_height);
  let y0 = sy / unit_y;
  let y1 = min(y0 + 1u, params.height - 1u);
  let wy = f32(sy - y0 * unit_y) / f32(unit_y);
  let top = (group.z * params.height + y0) * params.width;
  let bottom = (group.z * params.height + y1) * params.width;
  let line = (group.z * params.out_height + group.y) * params.out_width * params.channels;
  for (var i = range.x; i < range.y; i += 8u) {
    let ox = i / params.channels;
    let c = i - ox * params.channels;
    let sx = source(ox, params.width, params.out_width);
    let x0 = sx / unit_x;
    let x1 = min(x0 + 1u, params.width - 1u);
    let wx = f32(sx - x0 * unit_x) / f32(unit_x);
    let a = x[(top + x0) * params.channels + c] * (1.0 - wx) + x[(top + x1) * params.channels + c] * wx;
    let b = x[(bottom + x0) * params.channels + c] * (1.0 - wx) + x[(bottom + x1) * params.channels + c] * wx;
    y[line + i] = a * (1.0 - wy) + b * wy;
  }
}

// the weight of input pixel i in output o: 1 at its centre, falling linearly to 0 one pixel away
fn tent(o: u32, i: u32, size: u32, to: u32) -> f32 {
  let away = abs(i32(source(o, size, to)) - i32(i * 2u * to));
  return max(0.0, 1.0 - f32(away) / f32(2u * to));
}

// A range of outputs, from .x to below .y, that holds all outputs that read input pixel i. The first and last pixel are also
// read by all outputs beyond them.
fn readers(i: u32, size: u32, to: u32) -> vec2u {
  let low = max(i32((2u * i) * to) - i32(to), 0) / i32(2u * size);
  let high = ((2u * i + 3u) * to) / (2u * size) + 1u;
  return vec2(select(u32(max(low - 1, 0)), 0u, i == 0u), select(min(high, to), to, i + 1u == size));
}

@compute @workgroup_size(64)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let range = lane_range(group.x, lane, params.width * params.channels);
  let rows = readers(group.y, params.height, params.out_height);
  for (var i = range.x; i < range.y; i += 8u) {
    let px = i / params.channels;
    let c = i - px * params.channels;
    let columns = readers(px, params.width, params.out_width);
    var sum = 0.0;
    for (var oy = rows.x; oy < rows.y; oy++) {
      let line = (group.z * params.out_height + oy) * params.out_width;
      var along = 0.0;
      for (var ox = columns.x; ox < columns.y; ox++) {
        along = fma(tent(ox, px, params.width, params.out_width), dy[(line + ox) * params.channels + c], along);
      }
      sum = fma(tent(oy, group.y, params.height, params.out_height), along, sum);
    }
    let at = (group.z * params.height + group.y) * params.width * params.channels + i;
    if (params.accumulate != 0u) {
      dx[at] += sum;
    } else {
      dx[at] = sum;
    }
  }
}
