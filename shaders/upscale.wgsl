// Pixel shuffle after a transposed convolution of kernel 2 and stride 2, computed as a matrix product: x (B H W, 4 C), columns
// (ky, kx, c), to y (B 2H 2W, C); unshuffle is its reverse, for the gradient. Moves 2 * 4 B H W C floats, four at a time, no
// FLOPs.
// A line of the large image consists of pairs of pixels, each of which is one half of a small pixel's columns: 2 C floats that
// are contiguous in both. Grid: (ceil(W pair / (64 * rounds)), 2H, B), see lib/lane-range.wgsl.

struct Params {
  width: u32, // of the small image
  pair: u32,  // 2 C / 4: all sizes count vec4
  rounds: u32, // vec4 of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// use: lane-range

// the index in (B H W, 4 C) of element i of a line of (B 2H, 2W C)
fn small_index(line: u32, i: u32) -> u32 {
  let column = i / params.pair;
  return ((line / 2u) * params.width * 2u + column * 2u + line % 2u) * params.pair + i - column * params.pair;
}

@compute @workgroup_size(64)
fn shuffle(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let length = params.width * params.pair;
  let line = group.z * groups.y + group.y; // counting the lines of all images
  let range = lane_range(group.x, lane, length);
  for (var i = range.x; i < range.y; i += 8u) { y[line * length + i] = x[small_index(line, i)]; }
}

@compute @workgroup_size(64)
fn unshuffle(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let length = params.width * params.pair;
  let line = group.z * groups.y + group.y;
  let range = lane_range(group.x, lane, length);
  for (var i = range.x; i < range.y; i += 8u) { y[small_index(line, i)] = x[line * length + i]; }
}
