// Bytes that stand for numbers from 0 to 1, four in a word, to f32: byte / 254, and -1 for the byte 255, "none". The product with
// the f32 next to 1 / 254 is rounded once, so the host computes the same bits. Grid: grid1d(words, 64 * rounds), see lane-range.

struct Params {
  words: u32,
  rounds: u32, // words of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// use: lane-range, workgroup-index

const UNIT = 0.003937007859349251; // f32(1 / 254)

@compute @workgroup_size(64)
fn unpack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.words);
  for (var i = range.x; i < range.y; i += 8u) {
    let bytes = (vec4u(x[i]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
    y[i] = select(vec4f(bytes) * UNIT, vec4f(-1.0), bytes == vec4u(255u));
  }
}
