// The terms of SAM's decomposed relative positions, for all variants of attention.
//   relative:          rel[window and head, place, query] = q . table[own(query) - k + side - 1], with q not scaled
//   relative_backward: dq += the sum over k of drel . table
// The kernels work on one axis at a time: own is the query's line (axis 0) or column (axis 1) in its window, k is a key's line
// or column, and place is k on axis 0 and side_h + k on axis 1. All lanes of a workgroup have the same own (group.z), so they
// read the same row of the table at a time; their drel may be far apart in memory, so each is read once for 16 channels.
// FLOPs each, an axis: 2 windows heads length side head_dim.
// Grid: (ceil(windows * heads * other side / 64), 1, side of the axis).

struct Params {
  lanes: u32,      // windows * heads * other side
  axis: u32,       // 0: lines, 1: columns
  length: u32,
  quads: u32,
  side_h: u32,
  side_w: u32,
  heads: u32,
  head4: u32,
  channels4: u32,
  tokens: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<vec4f>;      // (2 side - 1, head_dim)
@group(0) @binding(4) var<storage, read_write> rel: array<f32>;    // (windows * heads, side_h + side_w, 4 quads)
@group(0) @binding(5) var<storage, read> drel: array<f32>;         // as rel
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4f>; // (tokens [+ 1], 3C)

struct Query {
  row: u32,   // in the image; from `tokens` on it is padding
  head: u32,
  side: u32,  // of the window along the axis
  place: u32, // index in rel for k = 0
}

fn query_of(lane: u32, own: u32) -> Query {
  let columns = params.axis == 1u;
  let other_side = select(params.side_w, params.side_h, columns);
  let side = select(params.side_h, params.side_w, columns);
  let window_head = lane / other_side;
  let other = lane % other_side;
  let position = select(own * params.side_w + other, other * params.side_w + own, columns);
  let row = rows[(window_head / params.heads) * params.length + position];
  let first = window_head * (params.side_h + params.side_w) + select(0u, params.side_h, columns);
  return Query(row, window_head % params.heads, side, first * 4u * params.quads + position);
}

@compute @workgroup_size(64)
fn relative(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  if (i >= params.lanes) { return; }
  let q = query_of(i, group.z);
  let at = min(q.row, params.tokens) * 3u * params.channels4 + q.head * params.head4;
  for (var k = 0u; k < q.side; k += 4u) {
    // rows of the table for k to k + 3, in descending order; those beyond the side repeat its first row and are not stored
    let last = group.z + q.side - 1u - k;
    let r = (last - min(vec4u(0u, 1u, 2u, 3u), vec4u(q.side - 1u - k))) * params.head4;
    var sum = vec4f();
    for (var c = 0u; c < params.head4; c++) {
      let x = qkv[at + c];
      sum += vec4f(dot(x, table[r.x + c]), dot(x, table[r.y + c]), dot(x, table[r.z + c]), dot(x, table[r.w + c]));
    }
    for (var j = 0u; j < min(4u, q.side - k); j++) { rel[q.place + (k + j) * 4u * params.quads] = sum[j]; }
  }
}

@compute @workgroup_size(64)
fn relative_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  if (i >= params.lanes) { return; }
  let q = query_of(i, group.z);
  if (q.row >= params.tokens) { return; }
  let at = q.row * 3u * params.channels4 + q.head * params.head4;
  let end = params.head4 - 1u;
  for (var c = 0u; c <= end; c += 4u) {
    // columns beyond the head repeat its last one and are not stored
    let columns = min(c + vec4u(0u, 1u, 2u, 3u), vec4u(end));
    var s0 = dqkv[at + columns.x];
    var s1 = dqkv[at + columns.y];
    var s2 = dqkv[at + columns.z];
    var s3 = dqkv[at + columns.w];
    for (var k = 0u; k < q.side; k++) {
      let d = vec4f(drel[q.place + k * 4u * params.quads]);
      let r = columns + (group.z + q.side - 1u - k) * params.head4;
      s0 = fma(d, table[r.x], s0);
      s1 = fma(d, table[r.y], s1);
      s2 = fma(d, table[r.z], s2);
      s3 = fma(d, table[r.w], s3);
    }
    dqkv[at + c] = s0;
    if (c + 1u <= end) { dqkv[at + c + 1u] = s1; }
    if (c + 2u <= end) { dqkv[at + c + 2u] = s2; }
    if (c + 3u <= end) { dqkv[at + c + 3u] = s3; }
  }
}
