// f32 to halves and back, four elements at a time: two halves lie in a word, the first in its low bits. `count` is in fours.
// Arithmetic stays f32: halves are only how values wait in memory, so no feature of the device is needed.
// pack: words = halves of x, to the nearest; beyond the largest half, 65504, that one of the same sign.
// unpack: y = the values of `packed_words`. 24 bytes for four elements, bound by memory. Eight lanes share a run of 8 * rounds of
// them. Grid: grid1d(count, 64 * rounds).

struct Params {
  count: u32,
  rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> words: array<vec2u>;
@group(0) @binding(3) var<storage, read> packed_words: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;

const LARGEST = vec4f(65504.0);

// where a lane begins, and the end of the run that eight lanes share (engine/graph/lane-rounds.ts)
fn run_of(part: u32, lane: u32, count: u32) -> vec2u {
  let size = 8u * params.rounds;
  let first = (part * 8u + lane / 8u) * size;
  return vec2u(first + lane % 8u, min(first + size, count));
}

@compute @workgroup_size(64)
fn pack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) {
    // what a half cannot hold would pack to anything
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
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) {
    let w = packed_words[i];
    y[i] = vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
  }
}
