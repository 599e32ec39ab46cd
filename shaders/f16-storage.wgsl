// Converts f32 to f16 and back, four elements at a time. Two f16 are stored in a u32, the first in its low bits. Arithmetic
// stays in f32: f16 only saves memory, so the device needs no feature.
// pack:   words = x rounded to the nearest f16; beyond the largest, 65504, that one with the same sign.
// unpack: y = the values of packed_words.
// 24 bytes for four elements, bound by memory. `count` counts vec4. Grid: grid1d(count, 64 * rounds), see lib/lane-range.wgsl.

struct Params {
  count: u32,
  rounds: u32, // vec4 of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> words: array<vec2u>;
@group(0) @binding(3) var<storage, read> packed_words: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

// use: lane-range, workgroup-index

const LARGEST = vec4f(65504.0);

@compute @workgroup_size(64)
fn pack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    // packing a number that f16 cannot hold has no defined result
    let v = clamp(x[i], -LARGEST, LARGEST);
    words[i] = vec2u(pack2x16float(v.xy), pack2x16float(v.zw));
  }
}

@compute @workgroup_size(64)
fn unpack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) {
    let w = packed_words[i];
    y[i] = vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
  }
}
