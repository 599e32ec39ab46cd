// The kernels of attention-direct.wgsl, with the same parameters, tensors and results, through workgroup memory: for GPUs.
// A workgroup of 64 lanes owns 32 positions of one window and head (queries in forward and backward_q, keys in backward_kv) and
// loops over the others in tiles of 32. The lanes are 8 x 8: lane (ty, tx) owns 4 x 4 of a tile's scores and, of what it sums
// up for its four positions, every eighth group of four channels, all in registers.
//   scores:  16 channels of both sides are staged at a time, channels outermost; a step reads two vec4 for 16 FMA;
//   softmax: the 8 lanes of a row exchange their highest score; each sums its own exponentials until the end;
//   sums:    the tile of p (or ds) is written, 32 channels of the others are staged; again two vec4 for 16 FMA.
// Neighbouring lanes have neighbouring ty, so that what 8 of them read or write in workgroup memory is 128 consecutive bytes or
// one address: there are no bank conflicts. A workgroup needs 8 KiB of workgroup memory, and a lane 16 (scores) + 16 `blocks`
// (sums; twice that in backward_kv) + about 40 registers, which bounds the workgroups that run side by side: at head_dim 64,
// 12 fit in 96 KiB. The workgroup's own positions are staged again for each tile, from caches: 11 FLOPs a byte, against 16 if
// they stayed in workgroup memory, for twice the workgroups side by side.
// No atomics: backward_q sums over keys, backward_kv over queries. Grid: (ceil(length / 32), windows * heads).
// FLOPs as in attention-direct.wgsl. The other variants are for software adapters, where a barrier moves every local variable
// to memory.

struct Params {
  // use: attention-members
}

override blocks = 4u; // ceil(head_dim / 32); sums beyond it need no registers

// use: attention-buffers, attention-blocks, attention-quads
@group(0) @binding(4) var<storage, read> bias: array<f32>; // (heads, length, length)

const TILE = 32u;

// 16 channels by 8 quads of own positions, then the same of the others; or 32 others by 8 vec4 of channels
var<workgroup> staged: array<vec4f, 256>;
// p or ds: 32 others by 8 quads of own positions; before that, what the lanes of a row exchange: 8 tx by 8 ty
var<workgroup> weights: array<vec4f, 256>;

struct Item {
  window_head: u32,
  window: u32,
  head: u32,
  quad: u32, // the four positions of this lane's scores and sums
  ty: u32,
  tx: u32,
}

fn item_of(group: vec3u, lane: u32) -> Item {
  return Item(group.y, group.y / params.heads, group.y % params.heads, group.x * 8u + lane % 8u, lane % 8u, lane / 8u);
}

// the four positions that a lane stages for scores: the first 32 lanes own positions, the others those of the tile
fn staged_quad(group: vec3u, lane: u32, first: u32) -> u32 {
  return lane % 8u + select(first / 4u, group.x * 8u, lane < 32u);
}

// which of the 4 vec4 of channels it stages
fn staged_channel(lane: u32) -> u32 {
  return lane / 8u % 4u;
}

fn stage(lane: u32, four: mat4x4f) {
  let at = lane / 32u * 128u + staged_channel(lane) * 32u + lane % 8u;
  workgroupBarrier();
  staged[at] = four[0];
  staged[at + 8u] = four[1];
  staged[at + 16u] = four[2];
  staged[at + 24u] = four[3];
  workgroupBarrier();
}

// s plus the dot products over the 16 channels from 4 c on, or those of them that the head has
fn dots(it: Item, c: u32, s: mat4x4f) -> mat4x4f {
  var sum = s;
  let end = 8u * min(16u, 4u * (params.head4 - c));
  for (var i = 0u; i < end; i += 8u) { sum = outer(staged[i + it.ty], staged[128u + i + it.tx], sum); }
  return sum;
}

// s plus p (or ds) times four channels of the tile's positions in the window
fn weighted(it: Item, first: u32, s: mat4x4f) -> mat4x4f {
  var sum = s;
  let end = 8u * min(TILE, params.length - first);
  for (var i = 0u; i < end; i += 8u) { sum = outer(weights[i + it.ty], staged[i + it.tx], sum); }
  return sum;
}

// stages channels 32 slab to 32 slab + 31 of the tile's positions from qkv; `part` is 0, 1, 2 for q, k, v
fn stage_part(it: Item, lane: u32, first: u32, slab: u32, part: u32) {
  workgroupBarrier();
  let c = slab * 8u + lane % 8u;
  for (var i = 0u; i < 4u; i++) {
    let row = min(row_of(it.window, first + i * 8u + lane / 8u), params.tokens);
    var value = vec4f();
    if (c < params.head4) { value = qkv[(row * 3u + part) * params.channels4 + it.head * params.head4 + c]; }
    staged[i * 64u + lane] = value;
  }
  workgroupBarrier();
}

// the same from dout
fn stage_dout(it: Item, lane: u32, first: u32, slab: u32) {
  workgroupBarrier();
  let c = slab * 8u + lane % 8u;
  for (var i = 0u; i < 4u; i++) {
    let row = min(row_of(it.window, first + i * 8u + lane / 8u), params.tokens - 1u);
    var value = vec4f();
    if (c < params.head4) { value = dout[row * params.channels4 + it.head * params.head4 + c]; }
    staged[i * 64u + lane] = value;
  }
  workgroupBarrier();
}

// writes the tile of p or ds, whose columns are others; the staging that follows waits for it at a barrier
fn share(it: Item, p: mat4x4f) {
  let at = it.tx * 32u + it.ty;
  workgroupBarrier();
  weights[at] = p[0];
  weights[at + 8u] = p[1];
  weights[at + 16u] = p[2];
  weights[at + 24u] = p[3];
}

// writes a value for the other lanes of the row to read
fn exchange(it: Item, value: vec4f) {
  workgroupBarrier();
  weights[it.tx * 8u + it.ty] = value;
  workgroupBarrier();
}

fn highest_of_row(it: Item, value: vec4f) -> vec4f {
  exchange(it, value);
  var top = weights[it.ty];
  for (var i = 1u; i < 8u; i++) { top = max(top, weights[i * 8u + it.ty]); }
  return top;
}

fn sum_of_row(it: Item, value: vec4f) -> vec4f {
  exchange(it, value);
  var sum = weights[it.ty];
  for (var i = 1u; i < 8u; i++) { sum += weights[i * 8u + it.ty]; }
  return sum;
}

// what relative positions add to the scores of four queries with one key
fn relative_terms(window_head: u32, queries: u32, key: u32) -> vec4f {
  let base = window_head * (params.side_h + params.side_w);
  let line = key / params.side_w;
  let column = key - line * params.side_w;
  return rel[(base + line) * params.quads + queries] + rel[(base + params.side_h + column) * params.quads + queries];
}

// what relative positions and bias add to the scores of four queries (rows) with one key
fn column_terms(window_head: u32, head: u32, queries: u32, key: u32) -> vec4f {
  let quad = min(queries, params.quads - 1u);
  var sum = vec4f();
  if (params.relative != 0u) { sum = relative_terms(window_head, quad, min(key, params.length - 1u)); }
  if (params.biased != 0u) {
    let q = 4u * queries;
    sum += vec4f(bias_of(head, q, key), bias_of(head, q + 1u, key), bias_of(head, q + 2u, key), bias_of(head, q + 3u, key));
  }
  return sum;
}

// the same for four keys (columns)
fn terms(it: Item, queries: u32, keys: u32) -> mat4x4f {
  let k = 4u * keys;
  return mat4x4f(
    column_terms(it.window_head, it.head, queries, k),
    column_terms(it.window_head, it.head, queries, k + 1u),
    column_terms(it.window_head, it.head, queries, k + 2u),
    column_terms(it.window_head, it.head, queries, k + 3u),
  );
}

// scores of the lane's queries with four keys, from their dot products; keys beyond the window get no probability
fn scores(it: Item, keys: u32, s: mat4x4f) -> mat4x4f {
  let t = terms(it, it.quad, keys);
  let none = vec4f(LOWEST);
  let count = params.length - min(4u * keys, params.length);
  return mat4x4f(
    select(none, fma(s[0], vec4f(params.scale), t[0]), count > 0u),
    select(none, fma(s[1], vec4f(params.scale), t[1]), count > 1u),
    select(none, fma(s[2], vec4f(params.scale), t[2]), count > 2u),
    select(none, fma(s[3], vec4f(params.scale), t[3]), count > 3u),
  );
}

fn write_out(it: Item, slab: u32, sum: mat4x4f) {
  let c = slab * 8u + it.tx;
  if (c >= params.head4) { return; }
  let row = rows_of(it.window, it.quad);
  let y = transpose(sum);
  let count = params.length - min(4u * it.quad, params.length);
  let at = row * params.channels4 + it.head * params.head4 + c;
  if (count > 0u && row.x < params.tokens) { out[at.x] = y[0]; }
  if (count > 1u && row.y < params.tokens) { out[at.y] = y[1]; }
  if (count > 2u && row.z < params.tokens) { out[at.z] = y[2]; }
  if (count > 3u && row.w < params.tokens) { out[at.w] = y[3]; }
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  var y0 = mat4x4f();
  var y1 = mat4x4f();
  var y2 = mat4x4f();
  var y3 = mat4x4f();
  var top = vec4f(LOWEST);
  var sum = vec4f();
  for (var first = 0u; first < params.length; first += TILE) {
    let part = select(params.channels4, 0u, lane < 32u);
    let at = starts(rows_of(it.window, staged_quad(group, lane, first)), it.head) + part;
    var s = mat4x4f();
    for (var c = 0u; c < params.head4; c += 4u) {
      stage(lane, load(at, c + staged_channel(lane)));
      s = dots(it, c, s);
    }
    s = scores(it, first / 4u + it.tx, s);
    let before = top;
    top = max(before, highest_of_row(it, highest(s)));
    let shrink = exp(before - top);
    let p = exponentials(s, top);
    sum = fma(sum, shrink, total(p));
    share(it, p);
    stage_part(it, lane, first, 0u, 2u);
    y0 = weighted(it, first, times(y0, shrink));
    if (blocks > 1u) {
      stage_part(it, lane, first, 1u, 2u);
      y1 = weighted(it, first, times(y1, shrink));
    }
    if (blocks > 2u) {
      stage_part(it, lane, first, 2u, 2u);
      y2 = weighted(it, first, times(y2, shrink));
    }
    if (blocks > 3u) {
      stage_part(it, lane, first, 3u, 2u);
      y3 = weighted(it, first, times(y3, shrink));
    }
  }
  sum = sum_of_row(it, sum);
  if (params.keep != 0u && it.tx == 0u && it.quad < params.quads) {
    kept[2u * (it.window_head * params.quads + it.quad)] = top + log(sum);
  }
  let factor = 1.0 / sum;
  write_out(it, 0u, times(y0, factor));
  if (blocks > 1u) { write_out(it, 1u, times(y1, factor)); }
  if (blocks > 2u) { write_out(it, 2u, times(y2, factor)); }
  if (blocks > 3u) { write_out(it, 3u, times(y3, factor)); }
}

fn write_dq(it: Item, slab: u32, sum: mat4x4f) {
  let c = slab * 8u + it.tx;
  if (c >= params.head4) { return; }
  let row = rows_of(it.window, it.quad);
  let y = transpose(params.scale * sum);
  let count = params.length - min(4u * it.quad, params.length);
  let at = starts(row, it.head) + c;
  if (count > 0u && row.x < params.tokens) { store(at.x, y[0]); }
  if (count > 1u && row.y < params.tokens) { store(at.y, y[1]); }
  if (count > 2u && row.z < params.tokens) { store(at.z, y[2]); }
  if (count > 3u && row.w < params.tokens) { store(at.w, y[3]); }
}

// Adds the gradient of each score to those of its two relative terms, for the key's line and for its column. From the tile of
// ds, lane tx sums up the lines and columns tx, tx + 8, ..., so that each sum has one writer. Keys come in order: the first
// line, and the first tile of a line, replace what the buffer held before.
fn add_relative(it: Item, first: u32) {
  workgroupBarrier();
  if (it.quad >= params.quads) { return; }
  let base = it.window_head * (params.side_h + params.side_w);
  let end = min(first + TILE, params.length);
  var line = first / params.side_w;
  var column = first - line * params.side_w;
  var sum = vec4f();
  for (var key = first; key < end; key++) {
    let value = weights[(key - first) * 8u + it.ty];
    sum += value;
    if (column % 8u == it.tx) {
      let at = (base + params.side_h + column) * params.quads + it.quad;
      drel[at] = value + select(drel[at], vec4f(), line == 0u);
    }
    column++;
    if (column == params.side_w || key + 1u == end) {
      if (line % 8u == it.tx) {
        let at = (base + line) * params.quads + it.quad;
        drel[at] = sum + select(drel[at], vec4f(), line * params.side_w >= first);
      }
      sum = vec4f();
      column = 0u;
      line++;
    }
  }
}

@compute @workgroup_size(64)
fn backward_q(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let place = 2u * (it.window_head * params.quads + min(it.quad, params.quads - 1u));
  let lse = stats[place];
  let delta = stats[place + 1u];
  var y0 = mat4x4f();
  var y1 = mat4x4f();
  var y2 = mat4x4f();
  var y3 = mat4x4f();
  for (var first = 0u; first < params.length; first += TILE) {
    let row = rows_of(it.window, staged_quad(group, lane, first));
    let at = starts(row, it.head) + select(params.channels4, 0u, lane < 32u);
    var s = mat4x4f();
    for (var c = 0u; c < params.head4; c += 4u) {
      stage(lane, load(at, c + staged_channel(lane)));
      s = dots(it, c, s);
    }
    let o_at = out_starts(row, it.head);
    var dp = mat4x4f();
    for (var c = 0u; c < params.head4; c += 4u) {
      var four = mat4x4f();
      if (lane < 32u) {
        four = load_dout(o_at, c + staged_channel(lane));
      } else {
        four = load(at + params.channels4, c + staged_channel(lane));
      }
      stage(lane, four);
      dp = dots(it, c, dp);
    }
    // queries that are padding may have any scores: they do not affect the other queries
    let p = exponentials(scores(it, first / 4u + it.tx, s), lse);
    share(it, score_gradients(p, dp, delta));
    if (params.relative != 0u) { add_relative(it, first); }
    stage_part(it, lane, first, 0u, 1u);
    y0 = weighted(it, first, y0);
    if (blocks > 1u) {
      stage_part(it, lane, first, 1u, 1u);
      y1 = weighted(it, first, y1);
    }
    if (blocks > 2u) {
      stage_part(it, lane, first, 2u, 1u);
      y2 = weighted(it, first, y2);
    }
    if (blocks > 3u) {
      stage_part(it, lane, first, 3u, 1u);
      y3 = weighted(it, first, y3);
    }
  }
  write_dq(it, 0u, y0);
  if (blocks > 1u) { write_dq(it, 1u, y1); }
  if (blocks > 2u) { write_dq(it, 2u, y2); }
  if (blocks > 3u) { write_dq(it, 3u, y3); }
}

fn write_dkv(it: Item, slab: u32, dk: mat4x4f, dv: mat4x4f) {
  let c = slab * 8u + it.tx;
  if (c >= params.head4) { return; }
  let row = rows_of(it.window, it.quad);
  let key = transpose(params.scale * dk);
  let value = transpose(dv);
  let count = params.length - min(4u * it.quad, params.length);
  if (count > 0u) { write_dkv_row(it, row.x, c, key[0], value[0]); }
  if (count > 1u) { write_dkv_row(it, row.y, c, key[1], value[1]); }
  if (count > 2u) { write_dkv_row(it, row.z, c, key[2], value[2]); }
  if (count > 3u) { write_dkv_row(it, row.w, c, key[3], value[3]); }
}

@compute @workgroup_size(64)
fn backward_kv(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  var dk0 = mat4x4f();
  var dk1 = mat4x4f();
  var dk2 = mat4x4f();
  var dk3 = mat4x4f();
  var dv0 = mat4x4f();
  var dv1 = mat4x4f();
  var dv2 = mat4x4f();
  var dv3 = mat4x4f();
  for (var first = 0u; first < params.length; first += TILE) {
    let row = rows_of(it.window, staged_quad(group, lane, first));
    let at = starts(row, it.head) + select(0u, params.channels4, lane < 32u);
    var s = mat4x4f();
    for (var c = 0u; c < params.head4; c += 4u) {
      stage(lane, load(at, c + staged_channel(lane)));
      s = dots(it, c, s);
    }
    let o_at = out_starts(row, it.head);
    var dp = mat4x4f();
    for (var c = 0u; c < params.head4; c += 4u) {
      var four = mat4x4f();
      if (lane < 32u) {
        four = load(at + params.channels4, c + staged_channel(lane));
      } else {
        four = load_dout(o_at, c + staged_channel(lane));
      }
      stage(lane, four);
      dp = dots(it, c, dp);
    }
    // here own positions are the keys, so the columns of s are queries
    let queries = first / 4u + it.tx;
    let place = 2u * (it.window_head * params.quads + min(queries, params.quads - 1u));
    let lse = select(stats[place], vec4f(-LOWEST), queries >= params.quads);
    let delta = stats[place + 1u];
    let t = transpose(terms(it, queries, it.quad));
    let p = mat4x4f(
      probability(fma(s[0], vec4f(params.scale), t[0]), lse.x),
      probability(fma(s[1], vec4f(params.scale), t[1]), lse.y),
      probability(fma(s[2], vec4f(params.scale), t[2]), lse.z),
      probability(fma(s[3], vec4f(params.scale), t[3]), lse.w),
    );
    share(it, p);
    stage_dout(it, lane, first, 0u);
    dv0 = weighted(it, first, dv0);
    if (blocks > 1u) {
      stage_dout(it, lane, first, 1u);
      dv1 = weighted(it, first, dv1);
    }
    if (blocks > 2u) {
      stage_dout(it, lane, first, 2u);
      dv2 = weighted(it, first, dv2);
    }
    if (blocks > 3u) {
      stage_dout(it, lane, first, 3u);
      dv3 = weighted(it, first, dv3);
    }
    share(it, mat4x4f(p[0] * (dp[0] - delta.x), p[1] * (dp[1] - delta.y), p[2] * (dp[2] - delta.z), p[3] * (dp[3] - delta.w)));
    stage_part(it, lane, first, 0u, 0u);
    dk0 = weighted(it, first, dk0);
    if (blocks > 1u) {
      stage_part(it, lane, first, 1u, 0u);
      dk1 = weighted(it, first, dk1);
    }
    if (blocks > 2u) {
      stage_part(it, lane, first, 2u, 0u);
      dk2 = weighted(it, first, dk2);
    }
    if (blocks > 3u) {
      stage_part(it, lane, first, 3u, 0u);
      dk3 = weighted(it, first, dk3);
    }
  }
  write_dkv(it, 0u, dk0, dv0);
  if (blocks > 1u) { write_dkv(it, 1u, dk1, dv1); }
  if (blocks > 2u) { write_dkv(it, 2u, dk2, dv2); }
  if (blocks > 3u) { write_dkv(it, 3u, dk3, dv3); }
}
