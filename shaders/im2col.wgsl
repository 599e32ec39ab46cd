// The input of a 3x3 convolution with padding 1 as the left matrix of a matrix product: a row for each of the output pixels
// start .. start + count of (B, Ho, Wo).
// im2col:  x (B, H, W, C) to columns (count, 9 C) in order (ky, kx, c), zeros outside the image. Grid: grid1d(count 9 C).
// im2col4: the same, four channels at a time; `channels` is C / 4.
//   Grid: (blocks of 64 * rounds over 9 C / 4, rows, more rows beyond the limit of y), see lib/lane-range.wgsl.
// col2im: its transpose as a gather, for input pixels first .. first + pixels of (B, H, W): dx (+)= the sum over those taps, in
//   order, whose output pixel is among the rows. Any partition of the rows adds up to the whole. Grid: grid1d(pixels C).
// im2col has no FLOPs, col2im 9 additions a value; each reads and writes count 9 C floats.

struct Params {
  height: u32,
  width: u32,
  channels: u32,
  stride: u32, // 1 or 2
  out_height: u32,
  out_width: u32,
  start: u32,  // first output pixel
  count: u32,  // output pixels
  first: u32,  // col2im: first input pixel
  pixels: u32, // col2im: input pixels
  accumulate: u32,
  rounds: u32, // im2col4: vec4 of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> columns_out: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<storage, read> x4: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> columns4_out: array<vec4f>;

// use: lane-range, workgroup-index

const OUTSIDE = 0xffffffffu;

struct Pixel {
  line: u32, // the first line of its image, counting the lines of all images
  y: u32,    // of its first tap; x and y are one more than the coordinates, so that padding needs no negative numbers
  x: u32,
}

fn pixel_of(row: u32) -> Pixel {
  let pixel = params.start + row;
  let line = pixel / params.out_width; // counting the lines of all images
  let image = line / params.out_height;
  return Pixel(
    image * params.height,
    (line - image * params.out_height) * params.stride,
    (pixel - line * params.out_width) * params.stride,
  );
}

// the index in x of a column of a pixel's row, or OUTSIDE
fn place(pixel: Pixel, column: u32) -> u32 {
  let tap = column / params.channels;
  let in_y = pixel.y + tap / 3u;
  let in_x = pixel.x + tap % 3u;
  if (in_y < 1u || in_y > params.height || in_x < 1u || in_x > params.width) { return OUTSIDE; }
  let at = (pixel.line + in_y - 1u) * params.width + in_x - 1u;
  return at * params.channels + column - tap * params.channels;
}

@compute @workgroup_size(256)
fn im2col(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  let row = i / (9u * params.channels);
  if (row >= params.count) { return; }
  let at = place(pixel_of(row), i - row * 9u * params.channels);
  var value = 0.0;
  if (at != OUTSIDE) { value = x[at]; }
  columns_out[i] = value;
}

@compute @workgroup_size(64)
fn im2col4(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.z * groups.y + group.y;
  if (row >= params.count) { return; }
  let length = 9u * params.channels;
  let pixel = pixel_of(row);
  let range = lane_range(group.x, lane, length);
  for (var i = range.x; i < range.y; i += 8u) {
    let at = place(pixel, i);
    var value = vec4(0.0);
    if (at != OUTSIDE) { value = x4[at]; }
    columns4_out[row * length + i] = value;
  }
}

@compute @workgroup_size(256)
fn col2im(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  let local = i / params.channels;
  if (local >= params.pixels) { return; }
  let c = i - local * params.channels;
  let pixel = params.first + local;
  let line = pixel / params.width;
  let image = line / params.height;
  let y = line - image * params.height + 1u;
  let column = pixel - line * params.width + 1u;
  let halve = params.stride - 1u; // a mask for x % stride, and a shift for x / stride
  var sum = 0.0;
  for (var ky = 0u; ky < 3u; ky++) {
    if (y < ky || ((y - ky) & halve) != 0u) { continue; }
    let out_y = (y - ky) >> halve;
    if (out_y >= params.out_height) { continue; }
    for (var kx = 0u; kx < 3u; kx++) {
      if (column < kx || ((column - kx) & halve) != 0u) { continue; }
      let out_x = (column - kx) >> halve;
      if (out_x >= params.out_width) { continue; }
      // wraps round to a large number if the row is before the first
      let row = (image * params.out_height + out_y) * params.out_width + out_x - params.start;
      if (row < params.count) { sum += columns[(row * 9u + ky * 3u + kx) * params.channels + c]; }
    }
  }
  let at = params.first * params.channels + i;
  if (params.accumulate != 0u) {
    dx[at] += sum;
  } else {
    dx[at] = sum;
  }
}
