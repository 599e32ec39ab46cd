// Pixel shuffle after a ConvTranspose of kernel 2, stride 2 computed as a product: x (B H W, 4 C), columns (ky, kx, c),
// to y (B 2H 2W, C), and back for its gradient. Moves 2 * 4 B H W C floats, four at a time, no FLOPs; `pair` is in fours.
// A line of the large image is, pixel pair by pixel pair, a half of the small image's columns: 2 C floats that lie together in
// both. Eight lanes share a run of 8 * rounds of a line. Grid: (blocks of 64 * rounds over W pair, 2H, B).

struct Params {
  width: u32, // of the small image
  pair: u32,  // 2 C
  rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// where a lane begins, and the end of the run that eight lanes share (engine/graph/lane-rounds.ts)
fn run_of(part: u32, lane: u32, count: u32) -> vec2u {
  let size = 8u * params.rounds;
  let first = (part * 8u + lane / 8u) * size;
  return vec2u(first + lane % 8u, min(first + size, count));
}

// the place in (B H W, 4 C) of element i of a line of (B 2H, 2W C)
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
  let line = group.z * groups.y + group.y; // the batch's lines lie one below the other
  let run = run_of(group.x, lane, length);
  for (var i = run.x; i < run.y; i += 8u) { y[line * length + i] = x[small_index(line, i)]; }
}

@compute @workgroup_size(64)
fn unshuffle(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let length = params.width * params.pair;
  let line = group.z * groups.y + group.y;
  let run = run_of(group.x, lane, length);
  for (var i = run.x; i < run.y; i += 8u) { y[small_index(line, i)] = x[line * length + i]; }
}
