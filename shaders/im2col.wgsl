// The rows of a 3x3 convolution with padding 1 as a product, for output pixels start .. start + count of (B, Ho, Wo).
// im2col: x (B, H, W, C) to columns (count, 9 C) in order (ky, kx, c), zeros outside the image. Grid: grid1d(count 9 C).
// im2col4: the same four channels at a time; `channels` is C / 4. Eight lanes share a run of 8 * rounds of a row.
//   Grid: (blocks of 64 * rounds over 9 C / 4, rows, more rows).
// col2im: its transpose in gather form, for input pixels first .. first + pixels of (B, H, W): dx (+)= the sum over the
//   taps, in order, whose output pixel is among the rows. Rows cut anywhere add up to the whole. Grid: grid1d(pixels C).
// No FLOPs in im2col, 9 additions a value in col2im; each reads and writes count 9 C floats.

struct Params {
  height: u32,
  width: u32,
  channels: u32,
  stride: u32, // 1 or 2
  out_height: u32,
  out_width: u32,
  start: u32,
  count: u32,
  first: u32,
  pixels: u32,
  accumulate: u32,
  rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> columns_out: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<storage, read> x4: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> columns4_out: array<vec4f>;

const OUTSIDE = 0xffffffffu;

// where a lane begins, and the end of the run that eight lanes share (engine/graph/lane-rounds.ts)
fn run_of(part: u32, lane: u32, count: u32) -> vec2u {
  let size = 8u * params.rounds;
  let first = (part * 8u + lane / 8u) * size;
  return vec2u(first + lane % 8u, min(first + size, count));
}

struct Pixel {
  line: u32, // the first of its image, of all images' lines
  y: u32,    // of its first tap, one more than the coordinate, so that the padding needs no negative numbers
  x: u32,
}

fn pixel_of(row: u32) -> Pixel {
  let pixel = params.start + row;
  let line = pixel / params.out_width; // the batch's lines lie one below the other
  let image = line / params.out_height;
  return Pixel(
    image * params.height,
    (line - image * params.out_height) * params.stride,
    (pixel - line * params.out_width) * params.stride,
  );
}

// where a pixel's column lies in x, or OUTSIDE
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
  let i = (group.y * groups.x + group.x) * 256u + lane;
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
  let run = run_of(group.x, lane, length);
  for (var i = run.x; i < run.y; i += 8u) {
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
  let i = (group.y * groups.x + group.x) * 256u + lane;
  let local = i / params.channels;
  if (local >= params.pixels) { return; }
  let c = i - local * params.channels;
  let pixel = params.first + local;
  let line = pixel / params.width;
  let image = line / params.height;
  let y = line - image * params.height + 1u;
  let column = pixel - line * params.width + 1u;
  let halve = params.stride - 1u; // to mask and shift by: x % stride and x / stride
  var sum = 0.0;
  for (var ky = 0u; ky < 3u; ky++) {
    if (y < ky || ((y - ky) & halve) != 0u) { continue; }
    let out_y = (y - ky) >> halve;
    if (out_y >= params.out_height) { continue; }
    for (var kx = 0u; kx < 3u; kx++) {
      if (column < kx || ((column - kx) & halve) != 0u) { continue; }
      let out_x = (column - kx) >> halve;
      if (out_x >= params.out_width) { continue; }
      // wraps round to a large number where the row lies before the first
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
