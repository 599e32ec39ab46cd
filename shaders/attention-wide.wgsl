// The kernels of attention-shared.wgsl, with the same parameters, tensors and results, for heads of up to 64 channels and
// enough windows and heads to fill a GPU: a workgroup of 64 lanes owns 64 positions instead of 32, so that a lane reads less
// from workgroup memory for a multiply-add and meets fewer barriers.
//
// The lanes are 8 x 8: lane (ty, tx) owns, of a tile of 64 own positions by 32 others, the scores of two quads of own positions
// (ty and ty + 8) with one quad of others (tx), and of what it sums up for its eight positions, four or eight channels (the vec4
// tx and tx + 8), all in registers:
//   scores: 32 channels of both sides are staged at a time, channels outermost; a step reads three vec4 for 32 FMA;
//   sums:   the tile of p (or ds) takes the place of the own positions, and 256 vec4 of the others that of theirs; a step reads
//           four vec4 for 64 FMA (three for 32 with heads of up to 32 channels).
// So the workgroup memory is 12 KiB. Head_dim 64, a tile: 10 barriers forward for 4096 FMA a lane, where attention-shared.wgsl has
// 15 for 2048. Neighbouring lanes have neighbouring ty: eight of them read or write 128 consecutive bytes, or one address.
// Own positions beyond the first 32 are left out where the window has none (`both`), as are tiles of 32 others.
// No atomics: backward_q sums over keys, backward_kv over queries. Grid: (ceil(length / 64), windows * heads).
// FLOPs as in attention-direct.wgsl.

struct Params {
  // use: attention-members
}

override blocks = 2u; // ceil(head_dim / 32): 1 or 2

// use: attention-buffers, attention-blocks, attention-quads
@group(0) @binding(4) var<storage, read> bias: array<f32>; // (heads, length, length)

const OTHERS = 32u;

// 32 channels by 16 quads of own positions, or p (or ds) of 32 others by these quads
var<workgroup> wide: array<vec4f, 512>;
// 32 channels by 8 quads of others; or others by 8 or 16 vec4 of channels; or what the lanes of a row exchange: 8 tx by 16 quads
var<workgroup> narrow: array<vec4f, 256>;

struct Item {
  window_head: u32,
  window: u32,
  head: u32,
  quad: u32,  // the first four positions of this lane's scores and sums
  next: u32,  // the other four
  both: bool, // whether the workgroup has more than 32 positions
  ty: u32,
  tx: u32,
}

fn item_of(group: vec3u, lane: u32) -> Item {
  let quad = group.x * 16u + lane % 8u;
  let both = group.x * 64u + 32u < params.length;
  return Item(group.y, group.y / params.heads, group.y % params.heads, quad, quad + 8u, both, lane % 8u, lane / 8u);
}

// scores, or their gradients: rows are a lane's own positions, columns the four others
struct Scores { a: mat4x4f, b: mat4x4f }
// sums: rows are own positions, columns channels; the vec4 tx (c), then tx + 8 (d)
struct Sums { ac: mat4x4f, bc: mat4x4f, ad: mat4x4f, bd: mat4x4f }

// A lane stages its own quads, and the quad ty of others; of the channels the vec4 tx.
fn put_own(it: Item, half: u32, four: mat4x4f) {
  let at = it.tx * 64u + half * 8u + it.ty;
  wide[at] = four[0];
  wide[at + 16u] = four[1];
  wide[at + 32u] = four[2];
  wide[at + 48u] = four[3];
}

fn put_others(it: Item, four: mat4x4f) {
  let at = it.tx * 32u + it.ty;
  narrow[at] = four[0];
  narrow[at + 8u] = four[1];
  narrow[at + 16u] = four[2];
  narrow[at + 24u] = four[3];
}

// s plus the dot products over the 32 staged channels from 4 c on, or those of them that the head has
fn dots(it: Item, c: u32, s: Scores) -> Scores {
  var a = s.a;
  var b = s.b;
  let end = min(32u, 4u * (params.head4 - c));
  for (var i = 0u; i < end; i++) {
    let others = narrow[i * 8u + it.tx];
    a = outer(wide[i * 16u + it.ty], others, a);
    if (it.both) { b = outer(wide[i * 16u + 8u + it.ty], others, b); }
  }
  return Scores(a, b);
}

// the products of q, k or v of own positions with those of others: starts in qkv of the lane's own rows and of those it stages
fn dots_qkv(it: Item, own: vec4u, own_next: vec4u, others: vec4u) -> Scores {
  var s = Scores();
  for (var c = 0u; c < params.head4; c += 8u) {
    workgroupBarrier();
    put_own(it, 0u, load(own, c + it.tx));
    if (it.both) { put_own(it, 1u, load(own_next, c + it.tx)); }
    put_others(it, load(others, c + it.tx));
    workgroupBarrier();
    s = dots(it, c, s);
  }
  return s;
}

// s plus p (or ds) times channels of others: of those staged, which begin with number `first` of the tile and end before `end`
fn weighted(it: Item, first: u32, end: u32, s: Sums) -> Sums {
  var y = s;
  let width = 8u * blocks;
  for (var o = first; o < end; o++) {
    let at = (o - first) * width + it.tx;
    let p = wide[o * 16u + it.ty];
    let x = narrow[at];
    y.ac = outer(p, x, y.ac);
    if (blocks > 1u) { y.ad = outer(p, narrow[at + 8u], y.ad); }
    if (it.both) {
      let q = wide[o * 16u + 8u + it.ty];
      y.bc = outer(q, x, y.bc);
      if (blocks > 1u) { y.bd = outer(q, narrow[at + 8u], y.bd); }
    }
  }
  return y;
}

// s plus the tile of weights in `wide` times the q (part 0), k (1) or v (2) of the tile's positions
fn weighted_part(it: Item, lane: u32, first: u32, part: u32, s: Sums) -> Sums {
  var y = s;
  let width = 8u * blocks;
  let count = 256u / width;
  let end = min(OTHERS, params.length - first);
  for (var o = 0u; o < end; o += count) {
    workgroupBarrier();
    for (var i = lane; i < 256u; i += 64u) {
      let c = i % width;
      let row = min(row_of(it.window, first + o + i / width), params.tokens);
      var value = vec4f();
      if (c < params.head4) { value = qkv[(row * 3u + part) * params.channels4 + it.head * params.head4 + c]; }
      narrow[i] = value;
    }
    workgroupBarrier();
    y = weighted(it, o, min(o + count, end), y);
  }
  return y;
}

// the same with dout
fn weighted_dout(it: Item, lane: u32, first: u32, s: Sums) -> Sums {
  var y = s;
  let width = 8u * blocks;
  let count = 256u / width;
  let end = min(OTHERS, params.length - first);
  for (var o = 0u; o < end; o += count) {
    workgroupBarrier();
    for (var i = lane; i < 256u; i += 64u) {
      let c = i % width;
      let row = min(row_of(it.window, first + o + i / width), params.tokens - 1u);
      var value = vec4f();
      if (c < params.head4) { value = dout[row * params.channels4 + it.head * params.head4 + c]; }
      narrow[i] = value;
    }
    workgroupBarrier();
    y = weighted(it, o, min(o + count, end), y);
  }
  return y;
}

// writes the tile of p or ds; what follows waits for it at a barrier
fn share(it: Item, p: Scores) {
  let at = it.tx * 64u + it.ty;
  wide[at] = p.a[0];
  wide[at + 16u] = p.a[1];
  wide[at + 32u] = p.a[2];
  wide[at + 48u] = p.a[3];
  wide[at + 8u] = p.b[0];
  wide[at + 24u] = p.b[1];
  wide[at + 40u] = p.b[2];
  wide[at + 56u] = p.b[3];
}

// a pair of values of a lane's rows, or what the lanes of these rows make of theirs
struct Pair { a: vec4f, b: vec4f }

fn exchange(it: Item, mine: Pair) {
  workgroupBarrier();
  narrow[it.tx * 16u + it.ty] = mine.a;
  narrow[it.tx * 16u + 8u + it.ty] = mine.b;
  workgroupBarrier();
}

fn highest_of_rows(it: Item, mine: Pair) -> Pair {
  exchange(it, mine);
  var top = Pair(narrow[it.ty], narrow[8u + it.ty]);
  for (var i = 1u; i < 8u; i++) {
    top = Pair(max(top.a, narrow[i * 16u + it.ty]), max(top.b, narrow[i * 16u + 8u + it.ty]));
  }
  return top;
}

fn sums_of_rows(it: Item, mine: Pair) -> Pair {
  exchange(it, mine);
  var sum = Pair(narrow[it.ty], narrow[8u + it.ty]);
  for (var i = 1u; i < 8u; i++) {
    sum = Pair(sum.a + narrow[i * 16u + it.ty], sum.b + narrow[i * 16u + 8u + it.ty]);
  }
  return sum;
}

// what relative positions and bias add to the scores of four queries (rows) with one key, in its line and column
fn column_terms(it: Item, queries: u32, key: u32, line: u32, column: u32) -> vec4f {
  var sum = vec4f();
  if (params.relative != 0u) {
    let quad = min(queries, params.quads - 1u);
    let base = it.window_head * (params.side_h + params.side_w);
    sum = rel[(base + line) * params.quads + quad] + rel[(base + params.side_h + column) * params.quads + quad];
  }
  if (params.biased != 0u) {
    let q = 4u * queries;
    let h = it.head;
    sum += vec4f(bias_of(h, q, key), bias_of(h, q + 1u, key), bias_of(h, q + 2u, key), bias_of(h, q + 3u, key));
  }
  return sum;
}

// The same for the lane's own quads of queries, or of keys (`own_keys`), and a quad of others; columns are keys. The loops move
// results through registers instead of an index, so that the code of a term is there once.
fn terms(it: Item, others: u32, own_keys: bool) -> Scores {
  var t = Scores();
  if (params.relative == 0u && params.biased == 0u) { return t; }
  for (var half = 0u; half < 2u; half++) {
    let own = select(it.next, it.quad, half == 0u);
    let queries = select(own, others, own_keys);
    // keys beyond the window repeat its last one
    let last = params.length - 1u;
    var key = min(4u * select(others, own, own_keys), last);
    var line = key / params.side_w;
    var column = key - line * params.side_w;
    var four = mat4x4f();
    for (var j = 0u; j < 4u; j++) {
      four = mat4x4f(four[1], four[2], four[3], column_terms(it, queries, key, line, column));
      let more = key < last;
      let wraps = more && column + 1u == params.side_w;
      key += select(0u, 1u, more);
      line += select(0u, 1u, wraps);
      column = select(column + select(0u, 1u, more), 0u, wraps);
    }
    t = Scores(t.b, four);
  }
  return t;
}

// scores of four queries with four keys, from their dot products; keys beyond the window get no probability
fn scores_of(keys: u32, s: mat4x4f, t: mat4x4f) -> mat4x4f {
  let none = vec4f(LOWEST);
  let count = params.length - min(4u * keys, params.length);
  return mat4x4f(
    select(none, fma(s[0], vec4f(params.scale), t[0]), count > 0u),
    select(none, fma(s[1], vec4f(params.scale), t[1]), count > 1u),
    select(none, fma(s[2], vec4f(params.scale), t[2]), count > 2u),
    select(none, fma(s[3], vec4f(params.scale), t[3]), count > 3u),
  );
}

fn scores(it: Item, keys: u32, s: Scores) -> Scores {
  let t = terms(it, keys, false);
  return Scores(scores_of(keys, s.a, t.a), scores_of(keys, s.b, t.b));
}

fn write_out(it: Item, quad: u32, c: u32, sum: mat4x4f) {
  if (c >= params.head4) { return; }
  let row = rows_of(it.window, quad);
  let y = transpose(sum);
  let count = params.length - min(4u * quad, params.length);
  let at = row * params.channels4 + it.head * params.head4 + c;
  if (count > 0u && row.x < params.tokens) { out[at.x] = y[0]; }
  if (count > 1u && row.y < params.tokens) { out[at.y] = y[1]; }
  if (count > 2u && row.z < params.tokens) { out[at.z] = y[2]; }
  if (count > 3u && row.w < params.tokens) { out[at.w] = y[3]; }
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let own = starts(rows_of(it.window, it.quad), it.head);
  let own_next = starts(rows_of(it.window, it.next), it.head);
  var y = Sums();
  var top = Pair(vec4f(LOWEST), vec4f(LOWEST));
  var sum = Pair();
  for (var first = 0u; first < params.length; first += OTHERS) {
    let others = starts(rows_of(it.window, first / 4u + it.ty), it.head) + params.channels4;
    let s = scores(it, first / 4u + it.tx, dots_qkv(it, own, own_next, others));
    let before = top;
    let highest_here = highest_of_rows(it, Pair(highest(s.a), highest(s.b)));
    top = Pair(max(before.a, highest_here.a), max(before.b, highest_here.b));
    let shrink = Pair(exp(before.a - top.a), exp(before.b - top.b));
    let p = Scores(exponentials(s.a, top.a), exponentials(s.b, top.b));
    sum = Pair(fma(sum.a, shrink.a, total(p.a)), fma(sum.b, shrink.b, total(p.b)));
    share(it, p);
    y = Sums(times(y.ac, shrink.a), times(y.bc, shrink.b), times(y.ad, shrink.a), times(y.bd, shrink.b));
    y = weighted_part(it, lane, first, 2u, y);
  }
  sum = sums_of_rows(it, sum);
  if (params.keep != 0u && it.tx == 0u) {
    let place = it.window_head * params.quads;
    if (it.quad < params.quads) { kept[2u * (place + it.quad)] = top.a + log(sum.a); }
    if (it.next < params.quads) { kept[2u * (place + it.next)] = top.b + log(sum.b); }
  }
  // in each round the sums `ac` are written: the others come up to them
  y = Sums(times(y.ac, 1.0 / sum.a), times(y.bc, 1.0 / sum.b), times(y.ad, 1.0 / sum.a), times(y.bd, 1.0 / sum.b));
  for (var i = 0u; i < 2u * blocks; i++) {
    write_out(it, select(it.quad, it.next, i % 2u == 1u), it.tx + i / 2u * 8u, y.ac);
    y = Sums(y.bc, y.ad, y.bd, y.bd);
  }
}

fn write_dq(it: Item, quad: u32, c: u32, sum: mat4x4f) {
  if (c >= params.head4) { return; }
  let row = rows_of(it.window, quad);
  let y = transpose(params.scale * sum);
  let count = params.length - min(4u * quad, params.length);
  let at = starts(row, it.head) + c;
  if (count > 0u && row.x < params.tokens) { store(at.x, y[0]); }
  if (count > 1u && row.y < params.tokens) { store(at.y, y[1]); }
  if (count > 2u && row.z < params.tokens) { store(at.z, y[2]); }
  if (count > 3u && row.w < params.tokens) { store(at.w, y[3]); }
}

// Adds the gradient of each score to those of its two relative terms, for the key's line and for its column, of one quad, whose
// weights begin at `place`. From the tile of ds, lane tx sums up the lines and columns tx, tx + 8, ..., so that each sum has one
// writer. Keys come in order: the first line, and the first tile of a line, replace what the buffer held before.
fn add_relative(it: Item, first: u32, quad: u32, place: u32) {
  if (quad >= params.quads) { return; }
  let base = it.window_head * (params.side_h + params.side_w);
  let end = min(first + OTHERS, params.length);
  var line = first / params.side_w;
  var column = first - line * params.side_w;
  var sum = vec4f();
  for (var key = first; key < end; key++) {
    let value = wide[(key - first) * 16u + place];
    sum += value;
    if (column % 8u == it.tx) {
      let at = (base + params.side_h + column) * params.quads + quad;
      drel[at] = value + select(drel[at], vec4f(), line == 0u);
    }
    column++;
    if (column == params.side_w || key + 1u == end) {
      if (line % 8u == it.tx) {
        let at = (base + line) * params.quads + quad;
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
  let place = it.window_head * params.quads + min(vec2u(it.quad, it.next), vec2u(params.quads - 1u));
  let lse = Pair(stats[2u * place.x], stats[2u * place.y]);
  let delta = Pair(stats[2u * place.x + 1u], stats[2u * place.y + 1u]);
  let rows_own = rows_of(it.window, it.quad);
  let rows_next = rows_of(it.window, it.next);
  let own = starts(rows_own, it.head);
  let own_next = starts(rows_next, it.head);
  let own_out = out_starts(rows_own, it.head);
  let next_out = out_starts(rows_next, it.head);
  var y = Sums();
  for (var first = 0u; first < params.length; first += OTHERS) {
    let others = starts(rows_of(it.window, first / 4u + it.ty), it.head) + params.channels4;
    let s = dots_qkv(it, own, own_next, others);
    var dp = Scores();
    for (var c = 0u; c < params.head4; c += 8u) {
      workgroupBarrier();
      put_own(it, 0u, load_dout(own_out, c + it.tx));
      if (it.both) { put_own(it, 1u, load_dout(next_out, c + it.tx)); }
      put_others(it, load(others + params.channels4, c + it.tx));
      workgroupBarrier();
      dp = dots(it, c, dp);
    }
    // queries that are padding may have any scores: they do not affect the other queries
    let all = scores(it, first / 4u + it.tx, s);
    let p = Scores(exponentials(all.a, lse.a), exponentials(all.b, lse.b));
    workgroupBarrier();
    share(it, Scores(score_gradients(p.a, dp.a, delta.a), score_gradients(p.b, dp.b, delta.b)));
    if (params.relative != 0u) {
      workgroupBarrier();
      add_relative(it, first, it.quad, it.ty);
      if (it.both) { add_relative(it, first, it.next, 8u + it.ty); }
    }
    y = weighted_part(it, lane, first, 1u, y);
  }
  for (var i = 0u; i < 2u * blocks; i++) {
    write_dq(it, select(it.quad, it.next, i % 2u == 1u), it.tx + i / 2u * 8u, y.ac);
    y = Sums(y.bc, y.ad, y.bd, y.bd);
  }
}

fn write_dkv(it: Item, quad: u32, c: u32, dk: mat4x4f, dv: mat4x4f) {
  if (c >= params.head4) { return; }
  let row = rows_of(it.window, quad);
  let key = transpose(params.scale * dk);
  let value = transpose(dv);
  let count = params.length - min(4u * quad, params.length);
  if (count > 0u) { write_dkv_row(it, row.x, c, key[0], value[0]); }
  if (count > 1u) { write_dkv_row(it, row.y, c, key[1], value[1]); }
  if (count > 2u) { write_dkv_row(it, row.z, c, key[2], value[2]); }
  if (count > 3u) { write_dkv_row(it, row.w, c, key[3], value[3]); }
}

// probabilities of four own keys with four queries (columns), from their dot products and terms
fn probabilities(s: mat4x4f, terms_of_queries: mat4x4f, lse: vec4f) -> mat4x4f {
  let t = transpose(terms_of_queries);
  return mat4x4f(
    probability(fma(s[0], vec4f(params.scale), t[0]), lse.x),
    probability(fma(s[1], vec4f(params.scale), t[1]), lse.y),
    probability(fma(s[2], vec4f(params.scale), t[2]), lse.z),
    probability(fma(s[3], vec4f(params.scale), t[3]), lse.w),
  );
}

fn gradients_of(p: mat4x4f, dp: mat4x4f, delta: vec4f) -> mat4x4f {
  return mat4x4f(p[0] * (dp[0] - delta.x), p[1] * (dp[1] - delta.y), p[2] * (dp[2] - delta.z), p[3] * (dp[3] - delta.w));
}

@compute @workgroup_size(64)
fn backward_kv(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let own = starts(rows_of(it.window, it.quad), it.head) + params.channels4;
  let own_next = starts(rows_of(it.window, it.next), it.head) + params.channels4;
  var dk = Sums();
  var dv = Sums();
  for (var first = 0u; first < params.length; first += OTHERS) {
    let row = rows_of(it.window, first / 4u + it.ty);
    let s = dots_qkv(it, own, own_next, starts(row, it.head));
    let others_out = out_starts(row, it.head);
    var dp = Scores();
    for (var c = 0u; c < params.head4; c += 8u) {
      workgroupBarrier();
      put_own(it, 0u, load(own + params.channels4, c + it.tx));
      if (it.both) { put_own(it, 1u, load(own_next + params.channels4, c + it.tx)); }
      put_others(it, load_dout(others_out, c + it.tx));
      workgroupBarrier();
      dp = dots(it, c, dp);
    }
    // here own positions are the keys, so the columns of s are queries
    let queries = first / 4u + it.tx;
    let place = 2u * (it.window_head * params.quads + min(queries, params.quads - 1u));
    let lse = select(stats[place], vec4f(-LOWEST), queries >= params.quads);
    let delta = stats[place + 1u];
    let t = terms(it, queries, true);
    let p = Scores(probabilities(s.a, t.a, lse), probabilities(s.b, t.b, lse));
    workgroupBarrier();
    share(it, p);
    dv = weighted_dout(it, lane, first, dv);
    workgroupBarrier();
    share(it, Scores(gradients_of(p.a, dp.a, delta), gradients_of(p.b, dp.b, delta)));
    dk = weighted_part(it, lane, first, 0u, dk);
  }
  for (var i = 0u; i < 2u * blocks; i++) {
    write_dkv(it, select(it.quad, it.next, i % 2u == 1u), it.tx + i / 2u * 8u, dk.ac, dv.ac);
    dk = Sums(dk.bc, dk.ad, dk.bd, dk.bd);
    dv = Sums(dv.bc, dv.ad, dv.bd, dv.bd);
  }
}
