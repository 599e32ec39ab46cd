// What attention with stored probabilities needs besides matrix products and softmax (engine/ops/attention-materialised.ts).
// Positions are those of the windows, in order.
// gather: image rows to positions; a padded position reads the last row (padded 1) or gets zeros (padded 0).
// scatter: positions to image rows; the k and v of padded positions go to dpads (pads, 2C) if `padded` is 1.
// add_terms: S (some windows and heads, length, length) += relative terms + bias.
// sum_terms: the gradient of the relative terms from that of S, summed in a fixed order.
// Grids: grid1d(count), count in vec4 (gather, scatter) or in f32 (add_terms, sum_terms).

struct Params {
  count: u32,      // elements of the grid
  columns4: u32,   // gather, scatter: columns / 4
  tokens: u32,     // rows of the image
  padded: u32,
  accumulate: u32,
  length: u32,
  quads: u32,      // ceil(length / 4)
  side_h: u32,
  side_w: u32,
  heads: u32,      // heads in S
  first_head: u32,
  first: u32,      // place of the first matrix of S among all windows * heads
  relative: u32,
  biased: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dpads: array<vec4f>;
@group(0) @binding(5) var<storage, read> rel: array<f32>;  // (windows * heads, side_h + side_w, 4 quads)
@group(0) @binding(6) var<storage, read> bias: array<f32>; // (heads, length, length)
@group(0) @binding(7) var<storage, read_write> s: array<f32>;
@group(0) @binding(8) var<storage, read> ds: array<f32>;
@group(0) @binding(9) var<storage, read_write> drel: array<f32>;

// use: workgroup-index

@compute @workgroup_size(256)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.count) { return; }
  let row = rows[i / params.columns4];
  let value = x[min(row, params.tokens - 1u + params.padded) * params.columns4 + i % params.columns4];
  y[i] = select(value, vec4f(), row >= params.tokens && params.padded == 0u);
}

@compute @workgroup_size(256)
fn scatter(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.count) { return; }
  let row = rows[i / params.columns4];
  let column = i % params.columns4;
  if (row < params.tokens) {
    let at = row * params.columns4 + column;
    y[at] = x[i] + select(vec4f(), y[at], params.accumulate != 0u);
  } else if (params.padded != 0u && column * 3u >= params.columns4) {
    let third = params.columns4 / 3u;
    dpads[(row - params.tokens) * 2u * third + column - third] = x[i];
  }
}

@compute @workgroup_size(256)
fn add_terms(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.count) { return; }
  let key = i % params.length;
  let query = (i / params.length) % params.length;
  let z = i / params.length / params.length;
  var sum = s[i];
  if (params.relative != 0u) {
    let base = (params.first + z) * (params.side_h + params.side_w);
    sum += rel[(base + key / params.side_w) * 4u * params.quads + query];
    sum += rel[(base + params.side_h + key % params.side_w) * 4u * params.quads + query];
  }
  if (params.biased != 0u) {
    let head = params.first_head + z % params.heads;
    sum += bias[(head * params.length + query) * params.length + key];
  }
  s[i] = sum;
}

@compute @workgroup_size(256)
fn sum_terms(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.count) { return; }
  let query = i % params.length;
  let sides = params.side_h + params.side_w;
  let place = (i / params.length) % sides;
  let z = i / params.length / sides;
  let is_line = place < params.side_h;
  let first = (z * params.length + query) * params.length + select(place - params.side_h, place * params.side_w, is_line);
  let step = select(params.side_w, 1u, is_line);
  let number = select(params.side_h, params.side_w, is_line);
  var sum = 0.0;
  for (var k = 0u; k < number; k++) { sum += ds[first + k * step]; }
  drel[((params.first + z) * sides + place) * 4u * params.quads + query] = sum;
}
