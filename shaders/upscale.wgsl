// Pixel shuffle after a ConvTranspose of kernel 2, stride 2 computed as a product: x (B H W, 4 C), columns (ky, kx, c),
// to y (B 2H 2W, C), and back for its gradient. Moves 2 * 4 B H W C floats, four a lane, no FLOPs;
// `channels` and `count` are in fours. Grid: grid1d(B H W C).

struct Params {
  height: u32, // of the small image
  width: u32,
  channels: u32,
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

// the place in (B H W, 4 C) of element i of (B 2H 2W, C)
fn small_index(i: u32) -> u32 {
  let c = i % params.channels;
  let pixel = i / params.channels;
  let column = pixel % (2u * params.width);
  let row = pixel / (2u * params.width); // the batch's rows lie one below the other
  let k = (row % 2u) * 2u + column % 2u;
  return (((row / 2u) * params.width + column / 2u) * 4u + k) * params.channels + c;
}

@compute @workgroup_size(256)
fn shuffle(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.count) { return; }
  y[i] = x[small_index(i)];
}

@compute @workgroup_size(256)
fn unshuffle(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * 256u + lane;
  if (i >= params.count) { return; }
  y[small_index(i)] = x[i];
}
