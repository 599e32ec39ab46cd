// Fused attention within windows of tokens. qkv (tokens [+ 1], 3C) packs q | k | v, with the heads inside each. `rows` names
// the row of qkv at each position of each window; rows from `tokens` on are padding, and all of them read row `tokens` of qkv.
//   score[i, j] = scale q_i.k_j + rel_h[i, line of j] + rel_w[i, column of j] + bias[head, i, j]
//   p = softmax(score), out_i = sum_j p[i, j] v_j
// Nothing of size length^2 is stored: backward recomputes the probabilities from the logarithms of the softmax's sums.
// With S = windows heads length^2 head_dim, FLOPs: forward 4 S, backward_q 6 S, backward_kv 8 S.
//
// One lane owns four queries (forward, backward_q) or four keys (backward_kv) of one window and head and loops over the others
// four by four, all in products of 4 x 4 matrices. A loaded matrix has queries or keys as its columns; a matrix of scores has
// keys as columns. What a workgroup loops over is at addresses common to all its lanes; what a lane owns is in private arrays.
// This variant is for adapters that suit neither attention-shared.wgsl (GPUs) nor attention-subgroup.wgsl.
// No barriers, no atomics. Grid: (ceil(quads / 32), windows * heads).

struct Params {
  // use: attention-members
}

// use: attention-buffers, attention-blocks
@group(0) @binding(4) var<storage, read> bias: array<f32>; // (heads, length, length)
@group(0) @binding(12) var<storage, read> y: array<vec4f>; // out, in backward

const LANES = 32u;

struct Item {
  window_head: u32,
  window: u32,
  head: u32,
  quad: u32, // the lane's four positions
}

fn item_of(group: vec3u, lane: u32) -> Item {
  return Item(group.y, group.y / params.heads, group.y % params.heads, group.x * LANES + lane);
}

// rows of four positions; positions beyond the window repeat its last one
fn rows_of(window: u32, quad: u32) -> vec4u {
  let p = window * params.length + min(4u * quad + vec4u(0u, 1u, 2u, 3u), vec4u(params.length - 1u));
  return vec4u(rows[p.x], rows[p.y], rows[p.z], rows[p.w]);
}

// where the q of four positions start in qkv; k and v are channels4 and 2 channels4 further on
fn starts(window: u32, quad: u32, head: u32) -> vec4u {
  return min(rows_of(window, quad), vec4u(params.tokens)) * (3u * params.channels4) + head * params.head4;
}

// where four positions start in dout; padding reads the last token, but its probabilities are 0
fn out_starts(window: u32, quad: u32, head: u32) -> vec4u {
  return min(rows_of(window, quad), vec4u(params.tokens - 1u)) * params.channels4 + head * params.head4;
}

fn load(at: vec4u) -> mat4x4f {
  return mat4x4f(qkv[at.x], qkv[at.y], qkv[at.z], qkv[at.w]);
}

fn load_dout(at: vec4u) -> mat4x4f {
  return mat4x4f(dout[at.x], dout[at.y], dout[at.z], dout[at.w]);
}

// the matrix product a b, plus c
fn mad(a: mat4x4f, b: mat4x4f, c: mat4x4f) -> mat4x4f {
  return mat4x4f(mad1(a, b[0], c[0]), mad1(a, b[1], c[1]), mad1(a, b[2], c[2]), mad1(a, b[3], c[3]));
}

fn mad1(a: mat4x4f, b: vec4f, c: vec4f) -> vec4f {
  return fma(a[0], vec4f(b.x), fma(a[1], vec4f(b.y), fma(a[2], vec4f(b.z), fma(a[3], vec4f(b.w), c))));
}

// how many of four positions are in the window; since compilers do not know this bound, they do not unroll loops over it
fn real(quad: u32) -> u32 {
  return min(4u, params.length - min(4u * quad, params.length));
}

// what relative positions and bias add to the scores of four queries with one key
fn extra(it: Item, queries: u32, key: u32) -> vec4f {
  var sum = vec4f();
  if (params.relative != 0u) {
    let base = it.window_head * (params.side_h + params.side_w);
    let line = key / params.side_w;
    let column = key - line * params.side_w;
    sum = rel[(base + line) * params.quads + queries] + rel[(base + params.side_h + column) * params.quads + queries];
  }
  if (params.biased != 0u) {
    let at = (it.head * params.length + 4u * queries) * params.length + key;
    for (var i = 0u; i < real(queries); i++) { sum[i] += bias[at + i * params.length]; }
  }
  return sum;
}

// scores of four queries with four keys, from their dot products; keys beyond the window get no probability
fn scores(it: Item, queries: u32, keys: u32, products: mat4x4f) -> mat4x4f {
  let none = vec4f(LOWEST);
  var s = mat4x4f(none, none, none, none);
  var product = products;
  for (var j = 0u; j < real(keys); j++) { s[j] = fma(product[j], vec4f(params.scale), extra(it, queries, 4u * keys + j)); }
  return s;
}

@compute @workgroup_size(32)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  if (it.quad >= params.quads) { return; }
  let q_at = starts(it.window, it.quad, it.head);
  var q: array<mat4x4f, 32>;   // rows: queries
  var acc: array<mat4x4f, 32>; // columns: queries
  for (var c = 0u; c < params.head4; c++) {
    q[c] = transpose(load(q_at + c));
    acc[c] = mat4x4f();
  }
  var top = vec4f(LOWEST);
  var sum = vec4f();
  for (var keys = 0u; keys < params.quads; keys++) {
    let k_at = starts(it.window, keys, it.head) + params.channels4;
    var s = mat4x4f();
    for (var c = 0u; c < params.head4; c++) { s = mad(q[c], load(k_at + c), s); }
    s = scores(it, it.quad, keys, s);
    let before = top;
    top = max(top, highest(s));
    let shrink = exp(before - top);
    s = exponentials(s, top);
    sum = fma(sum, shrink, total(s));
    let p = transpose(s);
    for (var c = 0u; c < params.head4; c++) {
      let a = acc[c];
      let old = mat4x4f(a[0] * shrink.x, a[1] * shrink.y, a[2] * shrink.z, a[3] * shrink.w);
      acc[c] = mad(load(k_at + params.channels4 + c), p, old);
    }
  }
  if (params.keep != 0u) { kept[2u * (it.window_head * params.quads + it.quad)] = top + log(sum); }
  let row = rows_of(it.window, it.quad);
  for (var m = 0u; m < real(it.quad); m++) {
    if (row[m] >= params.tokens) { continue; }
    let base = row[m] * params.channels4 + it.head * params.head4;
    for (var c = 0u; c < params.head4; c++) { out[base + c] = acc[c][m] / sum[m]; }
  }
}

// Completes `kept` with sum(dout out). Queries that are padding get a logarithm so large that their probabilities are 0.
@compute @workgroup_size(32)
fn backward_stats(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  if (it.quad >= params.quads) { return; }
  let row = rows_of(it.window, it.quad);
  let place = 2u * (it.window_head * params.quads + it.quad);
  var lse = kept[place];
  var delta = vec4f();
  for (var m = 0u; m < 4u; m++) {
    if (4u * it.quad + m >= params.length || row[m] >= params.tokens) {
      lse[m] = -LOWEST;
      continue;
    }
    let base = row[m] * params.channels4 + it.head * params.head4;
    for (var c = 0u; c < params.head4; c++) { delta[m] += dot(y[base + c], dout[base + c]); }
  }
  kept[place] = lse;
  kept[place + 1u] = delta;
}

// probabilities from the kept logarithms; 0 for queries that are padding, whose scores may be any number
fn probabilities(s: mat4x4f, lse: vec4f) -> mat4x4f {
  let real = lse < vec4f(-LOWEST);
  let p = exponentials(s, lse);
  let none = vec4f();
  return mat4x4f(select(none, p[0], real), select(none, p[1], real), select(none, p[2], real), select(none, p[3], real));
}

// Adds the gradient of each score to those of its two relative terms, for the key's line and for its column.
fn add_relative(it: Item, keys: u32, ds: mat4x4f) {
  let base = it.window_head * (params.side_h + params.side_w);
  var values = ds;
  for (var j = 0u; j < real(keys); j++) {
    let key = 4u * keys + j;
    let line = key / params.side_w;
    let column = key - line * params.side_w;
    let h = (base + line) * params.quads + it.quad;
    let w = (base + params.side_h + column) * params.quads + it.quad;
    let value = values[j];
    // keys come in order: the first of a line, and the first line, replace what the buffer held before
    drel[h] = value + select(drel[h], vec4f(), column == 0u);
    drel[w] = value + select(drel[w], vec4f(), line == 0u);
  }
}

@compute @workgroup_size(32)
fn backward_q(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  if (it.quad >= params.quads) { return; }
  let q_at = starts(it.window, it.quad, it.head);
  let o_at = out_starts(it.window, it.quad, it.head);
  let place = 2u * (it.window_head * params.quads + it.quad);
  let lse = stats[place];
  let delta = stats[place + 1u];
  var q: array<mat4x4f, 32>;  // rows: queries
  var o: array<mat4x4f, 32>;  // gradient of out; rows: queries
  var dq: array<mat4x4f, 32>; // columns: queries
  for (var c = 0u; c < params.head4; c++) {
    q[c] = transpose(load(q_at + c));
    o[c] = transpose(load_dout(o_at + c));
    dq[c] = mat4x4f();
  }
  for (var keys = 0u; keys < params.quads; keys++) {
    let k_at = starts(it.window, keys, it.head) + params.channels4;
    var s = mat4x4f();
    var dp = mat4x4f();
    for (var c = 0u; c < params.head4; c++) {
      s = mad(q[c], load(k_at + c), s);
      dp = mad(o[c], load(k_at + params.channels4 + c), dp);
    }
    let ds = score_gradients(probabilities(scores(it, it.quad, keys, s), lse), dp, delta);
    if (params.relative != 0u) { add_relative(it, keys, ds); }
    let t = transpose(ds);
    for (var c = 0u; c < params.head4; c++) { dq[c] = mad(load(k_at + c), t, dq[c]); }
  }
  let row = rows_of(it.window, it.quad);
  for (var m = 0u; m < real(it.quad); m++) {
    if (row[m] >= params.tokens) { continue; }
    for (var c = 0u; c < params.head4; c++) { store(q_at[m] + c, params.scale * dq[c][m]); }
  }
}

@compute @workgroup_size(32)
fn backward_kv(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  if (it.quad >= params.quads) { return; }
  let k_at = starts(it.window, it.quad, it.head) + params.channels4;
  var k: array<mat4x4f, 32>; // columns: keys
  var v: array<mat4x4f, 32>;
  var dk: array<mat4x4f, 32>;
  var dv: array<mat4x4f, 32>;
  for (var c = 0u; c < params.head4; c++) {
    k[c] = load(k_at + c);
    v[c] = load(k_at + params.channels4 + c);
    dk[c] = mat4x4f();
    dv[c] = mat4x4f();
  }
  for (var queries = 0u; queries < params.quads; queries++) {
    let q_at = starts(it.window, queries, it.head);
    let o_at = out_starts(it.window, queries, it.head);
    let place = 2u * (it.window_head * params.quads + queries);
    var s = mat4x4f();
    var dp = mat4x4f();
    for (var c = 0u; c < params.head4; c++) {
      s = mad(transpose(load(q_at + c)), k[c], s);
      dp = mad(transpose(load_dout(o_at + c)), v[c], dp);
    }
    let p = probabilities(scores(it, queries, it.quad, s), stats[place]);
    let ds = score_gradients(p, dp, stats[place + 1u]);
    for (var c = 0u; c < params.head4; c++) {
      dk[c] = mad(load(q_at + c), ds, dk[c]);
      dv[c] = mad(load_dout(o_at + c), p, dv[c]);
    }
  }
  let row = rows_of(it.window, it.quad);
  for (var m = 0u; m < real(it.quad); m++) {
    let pad = 2u * params.channels4 * (row[m] - params.tokens) + it.head * params.head4;
    for (var c = 0u; c < params.head4; c++) {
      let key = params.scale * dk[c][m];
      let value = dv[c][m];
      if (row[m] < params.tokens) {
        store(k_at[m] + c, key);
        store(k_at[m] + params.channels4 + c, value);
      } else {
        dpads[pad + c] = key;
        dpads[pad + params.channels4 + c] = value;
      }
    }
  }
}
