// f32 to halves and back, four elements a lane: two halves lie in a word, the first in its low bits. `count` is in fours.
// Arithmetic stays f32: halves are only how values wait in memory, so no feature of the device is needed.
// pack: words = halves of x, to the nearest; beyond the largest half, 65504, that one of the same sign.
// unpack: y = the values of `packed_words`. Grid: grid1d(count), 256 lanes a workgroup. Bytes: 24 a lane, bound by memory.

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> words: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> packed_words: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

const LARGEST = vec4<f32>(65504.0);

fn index(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
  return (group.y * groups.x + group.x) * 256u + lane;
}

@compute @workgroup_size(256)
fn pack(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  // what a half cannot hold would pack to anything
  let v = clamp(x[i], -LARGEST, LARGEST);
  words[i] = vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw));
}

@compute @workgroup_size(256)
fn unpack(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = index(group, groups, lane);
  if (i >= params.count) { return; }
  let w = packed_words[i];
  y[i] = vec4<f32>(unpack2x16float(w.x), unpack2x16float(w.y));
}
