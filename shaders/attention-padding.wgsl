// Sums the gradients of all padded keys and values into the one row of qkv that they share, in a fixed order and two stages:
// sum_pads adds up every `part` rows into the first of them, in place; store_pads adds those into the last row of dqkv.
// dpads (pads, 2C) holds k | v. The gradients of padded queries are dropped, so q gets 0.
// Grid: (ceil(columns / 64), parts in sum_pads or 1 in store_pads), columns = C / 2 in sum_pads and 3C / 4 in store_pads.

struct Params {
  pads: u32,
  part: u32,      // rows that one lane of sum_pads adds up
  channels4: u32, // C / 4
  tokens: u32,    // the row of dqkv that receives the sums
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dpads: array<vec4f>;
@group(0) @binding(2) var<storage, read> sums: array<vec4f>; // dpads after sum_pads
@group(0) @binding(3) var<storage, read_write> dqkv: array<vec4f>;

@compute @workgroup_size(64)
fn sum_pads(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let columns = 2u * params.channels4;
  let column = group.x * 64u + lane;
  if (column >= columns) { return; }
  let first = group.y * params.part;
  var sum = vec4f();
  for (var row = first; row < min(first + params.part, params.pads); row++) { sum += dpads[row * columns + column]; }
  dpads[first * columns + column] = sum;
}

@compute @workgroup_size(64)
fn store_pads(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let columns = 2u * params.channels4;
  let column = group.x * 64u + lane;
  if (column >= 3u * params.channels4) { return; }
  var sum = vec4f();
  if (column >= params.channels4) {
    for (var row = 0u; row < params.pads; row += params.part) { sum += sums[row * columns + column - params.channels4]; }
  }
  let at = params.tokens * 3u * params.channels4 + column;
  if (params.accumulate != 0u) {
    dqkv[at] += sum;
  } else {
    dqkv[at] = sum;
  }
}
