// The kernels of attention-direct.wgsl, with the same results and tensors (but each row of the bias is padded to whole vec4),
// for software adapters with subgroups of 8 lanes or more. There a load costs about 43 ns for 8 lanes whether or not they read
// the same address, and a broadcast from a register next to nothing. So a workgroup is 8 lanes, and it loops over the other
// positions (keys in forward and backward_q, queries in backward_kv) in blocks of 8: each lane loads one of them into private
// arrays, and the dot products take it from there by broadcasts. A lane owns `rounds` times four queries (or keys), so that a
// block once loaded serves them all. Matrices have four own positions as rows; their columns are channels, or positions of a
// block. Loops over channels stay rolled, because code of twice the size compiles for more than twice as long.
// Grid: (ceil(quads / (8 rounds)), windows * heads). FLOPs as in attention-direct.wgsl.
enable subgroups;

struct Params {
  // use: attention-members
  rounds: u32,     // rounds * head4 is at most 32 in forward and 20 in the backward kernels: the length of the private arrays
  four: u32,       // 4; since compilers do not know this bound, they do not unroll loops over it
}

// use: attention-buffers, attention-blocks, attention-rows, workgroup-index
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;             // (heads, length, quads) of four keys
@group(0) @binding(12) var<storage, read> bias_source: array<f32>;       // (heads, length, length)
@group(0) @binding(13) var<storage, read_write> bias_rows: array<vec4f>; // bias, written by align_bias

const LANES = 8u;
const ROUNDS = 4u; // at most

// Four positions of a lane, in one of its rounds.
struct Item {
  window_head: u32,
  window: u32,
  head: u32,
  quad: u32, // from `quads` on there are no positions, and the window's last one is repeated
}

fn item_of(group: vec3u, lane: u32, round: u32) -> Item {
  return Item(group.y, group.y / params.heads, group.y % params.heads, (group.x * params.rounds + round) * LANES + lane);
}

// rounds in which any lane of the workgroup has positions
fn rounds_of(group: vec3u) -> u32 {
  return min(params.rounds, (params.quads + LANES - 1u) / LANES - group.x * params.rounds);
}

fn rows_of(it: Item) -> array<u32, 4> {
  var four: array<u32, 4>;
  for (var m = 0u; m < params.four; m++) { four[m] = row_of(it.window, 4u * it.quad + m); }
  return four;
}

// where the q of a row starts in qkv; k and v are channels4 and 2 channels4 further on; all padding has one row
fn start(row: u32, head: u32) -> u32 {
  return min(row, params.tokens) * (3u * params.channels4) + head * params.head4;
}

// where a row starts in dout; padding reads the last token, but its probabilities are 0
fn out_start(row: u32, head: u32) -> u32 {
  return min(row, params.tokens - 1u) * params.channels4 + head * params.head4;
}

// four positions (rows) by four channels from 4 c on
fn load(row: array<u32, 4>, head: u32, c: u32) -> mat4x4f {
  var four: array<vec4f, 4>;
  for (var m = 0u; m < params.four; m++) { four[m] = qkv[start(row[m], head) + c]; }
  return transpose(mat4x4f(four[0], four[1], four[2], four[3]));
}

fn load_dout(row: array<u32, 4>, head: u32, c: u32) -> mat4x4f {
  var four: array<vec4f, 4>;
  for (var m = 0u; m < params.four; m++) { four[m] = dout[out_start(row[m], head) + c]; }
  return transpose(mat4x4f(four[0], four[1], four[2], four[3]));
}

// how many of four positions are in the window
fn real(quad: u32) -> u32 {
  return min(4u, params.length - min(4u * quad, params.length));
}

// Values for a lane's four positions (rows) and the eight of a block (columns).
struct Block {
  lo: mat4x4f,
  hi: mat4x4f,
}

// a b + c for a of four positions by four channels and b of four channels
fn mad(a: mat4x4f, b: vec4f, c: vec4f) -> vec4f {
  return fma(a[0], vec4f(b.x), fma(a[1], vec4f(b.y), fma(a[2], vec4f(b.z), fma(a[3], vec4f(b.w), c))));
}

// s plus the dot products of a with four channels of the block; each lane holds those of one position in `own`
fn dots(a: mat4x4f, own: vec4f, s: Block) -> Block {
  return Block(
    mat4x4f(
      mad(a, subgroupBroadcast(own, 0u), s.lo[0]),
      mad(a, subgroupBroadcast(own, 1u), s.lo[1]),
      mad(a, subgroupBroadcast(own, 2u), s.lo[2]),
      mad(a, subgroupBroadcast(own, 3u), s.lo[3]),
    ),
    mat4x4f(
      mad(a, subgroupBroadcast(own, 4u), s.hi[0]),
      mad(a, subgroupBroadcast(own, 5u), s.hi[1]),
      mad(a, subgroupBroadcast(own, 6u), s.hi[2]),
      mad(a, subgroupBroadcast(own, 7u), s.hi[3]),
    ),
  );
}

// the outer product of p and b, plus c
fn outer(p: vec4f, b: vec4f, c: mat4x4f) -> mat4x4f {
  return mat4x4f(fma(p, vec4f(b.x), c[0]), fma(p, vec4f(b.y), c[1]), fma(p, vec4f(b.z), c[2]), fma(p, vec4f(b.w), c[3]));
}

// c plus four channels of the block's positions, weighted by p
fn weighted(p: Block, own: vec4f, c: mat4x4f) -> mat4x4f {
  var sum = outer(p.lo[0], subgroupBroadcast(own, 0u), c);
  sum = outer(p.lo[1], subgroupBroadcast(own, 1u), sum);
  sum = outer(p.lo[2], subgroupBroadcast(own, 2u), sum);
  sum = outer(p.lo[3], subgroupBroadcast(own, 3u), sum);
  sum = outer(p.hi[0], subgroupBroadcast(own, 4u), sum);
  sum = outer(p.hi[1], subgroupBroadcast(own, 5u), sum);
  sum = outer(p.hi[2], subgroupBroadcast(own, 6u), sum);
  return outer(p.hi[3], subgroupBroadcast(own, 7u), sum);
}

fn as_block(v: array<vec4f, 8>) -> Block {
  return Block(mat4x4f(v[0], v[1], v[2], v[3]), mat4x4f(v[4], v[5], v[6], v[7]));
}

fn transposed(b: Block) -> Block {
  return Block(transpose(b.lo), transpose(b.hi));
}

fn plus(a: Block, b: Block) -> Block {
  return Block(a.lo + b.lo, a.hi + b.hi);
}

// where rel holds what the line of a key, and what its column, adds to a score
fn places(window_head: u32, key: u32) -> vec2u {
  let base = window_head * (params.side_h + params.side_w);
  let line = key / params.side_w;
  return (base + vec2u(line, params.side_h + key - line * params.side_w)) * params.quads;
}

// what relative positions add to the scores of four queries with one key
fn added(window_head: u32, key: u32, quad: u32) -> vec4f {
  var at = places(window_head, key) + quad;
  var sum = vec4f();
  for (var i = 0u; i < params.four; i += 2u) {
    sum += rel[at.x];
    at.x = at.y;
  }
  return sum;
}

// what bias and relative positions add to the scores of a lane's four queries with the keys from `first` on
fn terms_of_queries(it: Item, first: u32) -> Block {
  var values: array<vec4f, 8>;
  var sum = Block();
  if (params.biased != 0u) {
    for (var t = 0u; t < 8u; t++) {
      let query = min(4u * it.quad + t % 4u, params.length - 1u);
      values[t] = bias[(it.head * params.length + query) * params.quads + first / 4u + t / 4u];
    }
    sum = transposed(as_block(values));
  }
  if (params.relative != 0u) {
    let quad = min(it.quad, params.quads - 1u);
    for (var t = 0u; t < 8u; t++) {
      values[t] = added(it.window_head, min(first + t, params.length - 1u), quad);
    }
    sum = plus(sum, as_block(values));
  }
  return sum;
}

// the same for a lane's four keys with the queries from `first` on
fn terms_of_keys(it: Item, first: u32) -> Block {
  var values: array<vec4f, 8>;
  var sum = Block();
  if (params.biased != 0u) {
    let quad = min(it.quad, params.quads - 1u);
    for (var t = 0u; t < 8u; t++) {
      let query = min(first + t, params.length - 1u);
      values[t] = bias[(it.head * params.length + query) * params.quads + quad];
    }
    sum = as_block(values);
  }
  if (params.relative != 0u) {
    for (var t = 0u; t < 8u; t++) {
      let key = min(4u * it.quad + t % 4u, params.length - 1u);
      values[t] = added(it.window_head, key, min(first / 4u + t / 4u, params.quads - 1u));
    }
    sum = plus(sum, transposed(as_block(values)));
  }
  return sum;
}

// the first `count` columns; the others get no probability
fn only4(s: mat4x4f, count: u32) -> mat4x4f {
  let none = vec4f(LOWEST);
  return mat4x4f(
    select(none, s[0], count > 0u),
    select(none, s[1], count > 1u),
    select(none, s[2], count > 2u),
    select(none, s[3], count > 3u),
  );
}

// the same scores, but keys beyond the window get no probability
fn only(s: Block, first: u32) -> Block {
  return Block(only4(s.lo, params.length - first), only4(s.hi, max(params.length, first + 4u) - (first + 4u)));
}

@compute @workgroup_size(8)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let rounds = rounds_of(group);
  let all = item_of(group, lane, 0u);
  let n = params.head4;
  var q: array<mat4x4f, 32>;
  var acc: array<mat4x4f, 32>;
  var k: array<vec4f, 20>;
  var v: array<vec4f, 20>;
  var tops: array<vec4f, ROUNDS>;
  var sums: array<vec4f, ROUNDS>;
  for (var r = 0u; r < rounds; r++) {
    var row = rows_of(item_of(group, lane, r));
    for (var c = 0u; c < n; c++) {
      q[r * n + c] = params.scale * load(row, all.head, c);
      acc[r * n + c] = mat4x4f();
    }
    tops[r] = vec4f(LOWEST);
    sums[r] = vec4f();
  }
  for (var first = 0u; first < params.length; first += LANES) {
    let at = start(row_of(all.window, first + lane), all.head) + params.channels4;
    for (var c = 0u; c < n; c++) {
      k[c] = qkv[at + c];
      v[c] = qkv[at + params.channels4 + c];
    }
    for (var r = 0u; r < rounds; r++) {
      var s = terms_of_queries(item_of(group, lane, r), first);
      for (var c = 0u; c < n; c++) { s = dots(q[r * n + c], k[c], s); }
      s = only(s, first);
      let before = tops[r];
      let top = max(before, max(highest(s.lo), highest(s.hi)));
      let shrink = exp(before - top);
      let p = Block(exponentials(s.lo, top), exponentials(s.hi, top));
      tops[r] = top;
      sums[r] = fma(sums[r], shrink, total(p.lo) + total(p.hi));
      for (var c = 0u; c < n; c++) { acc[r * n + c] = weighted(p, v[c], times(acc[r * n + c], shrink)); }
    }
  }
  for (var r = 0u; r < rounds; r++) {
    let it = item_of(group, lane, r);
    if (it.quad >= params.quads) { continue; }
    if (params.keep != 0u) { kept[2u * (it.window_head * params.quads + it.quad)] = tops[r] + log(sums[r]); }
    var row = rows_of(it);
    for (var c = 0u; c < n; c++) {
      var y = transpose(times(acc[r * n + c], 1.0 / sums[r]));
      for (var m = 0u; m < real(it.quad); m++) {
        if (row[m] < params.tokens) { out[row[m] * params.channels4 + it.head * n + c] = y[m]; }
      }
    }
  }
}

@compute @workgroup_size(8)
fn backward_q(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let rounds = rounds_of(group);
  let all = item_of(group, lane, 0u);
  let n = params.head4;
  var q: array<mat4x4f, 20>;
  var o: array<mat4x4f, 20>; // gradient of out
  var dq: array<mat4x4f, 20>;
  var k: array<vec4f, 20>;
  var v: array<vec4f, 20>;
  var lse: array<vec4f, ROUNDS>;
  var delta: array<vec4f, ROUNDS>;
  var line: array<vec4f, ROUNDS>; // gradient of the relative term of the current line
  for (var r = 0u; r < rounds; r++) {
    let it = item_of(group, lane, r);
    var row = rows_of(it);
    for (var c = 0u; c < n; c++) {
      q[r * n + c] = params.scale * load(row, it.head, c);
      o[r * n + c] = load_dout(row, it.head, c);
      dq[r * n + c] = mat4x4f();
    }
    let place = 2u * (it.window_head * params.quads + min(it.quad, params.quads - 1u));
    lse[r] = stats[place];
    delta[r] = stats[place + 1u];
    line[r] = vec4f();
  }
  for (var first = 0u; first < params.length; first += LANES) {
    let at = start(row_of(all.window, first + lane), all.head) + params.channels4;
    for (var c = 0u; c < n; c++) {
      k[c] = qkv[at + c];
      v[c] = qkv[at + params.channels4 + c];
    }
    for (var r = 0u; r < rounds; r++) {
      let it = item_of(group, lane, r);
      var s = terms_of_queries(it, first);
      for (var c = 0u; c < n; c++) { s = dots(q[r * n + c], k[c], s); }
      var dp = Block();
      for (var c = 0u; c < n; c++) { dp = dots(o[r * n + c], v[c], dp); }
      s = only(s, first);
      // queries that are padding may have any scores: they do not affect the other queries
      let ds = Block(
        score_gradients(exponentials(s.lo, lse[r]), dp.lo, delta[r]),
        score_gradients(exponentials(s.hi, lse[r]), dp.hi, delta[r]),
      );
      if (params.relative != 0u) { line[r] = add_relative(it, first, ds, line[r]); }
      for (var c = 0u; c < n; c++) { dq[r * n + c] = weighted(ds, k[c], dq[r * n + c]); }
    }
  }
  for (var r = 0u; r < rounds; r++) {
    let it = item_of(group, lane, r);
    var row = rows_of(it);
    for (var c = 0u; c < n; c++) {
      var y = transpose(params.scale * dq[r * n + c]);
      for (var m = 0u; m < real(it.quad); m++) {
        if (row[m] < params.tokens) { store(start(row[m], it.head) + c, y[m]); }
      }
    }
  }
}

// Adds the gradient of each score to those of its two relative terms, for the key's line and for its column. Keys come in
// order: a line's sum is stored at its end, and returned until then; the columns of the first line replace what the buffer
// held before.
fn add_relative(it: Item, first: u32, ds: Block, before: vec4f) -> vec4f {
  var sum = before;
  if (it.quad >= params.quads) { return sum; }
  var values = array<vec4f, 8>(ds.lo[0], ds.lo[1], ds.lo[2], ds.lo[3], ds.hi[0], ds.hi[1], ds.hi[2], ds.hi[3]);
  for (var t = 0u; t < min(8u, params.length - first); t++) {
    let key = first + t;
    let at = places(it.window_head, key) + it.quad;
    drel[at.y] = values[t] + select(drel[at.y], vec4f(), key < params.side_w);
    sum += values[t];
    if ((key + 1u) % params.side_w == 0u) {
      drel[at.x] = sum;
      sum = vec4f();
    }
  }
  return sum;
}

@compute @workgroup_size(8)
fn backward_kv(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let rounds = rounds_of(group);
  let all = item_of(group, lane, 0u);
  let n = params.head4;
  var k: array<mat4x4f, 20>;
  var v: array<mat4x4f, 20>;
  var dk: array<mat4x4f, 20>;
  var dv: array<mat4x4f, 20>;
  var q: array<vec4f, 20>;
  var o: array<vec4f, 20>; // gradient of out
  for (var r = 0u; r < rounds; r++) {
    var row = rows_of(item_of(group, lane, r));
    for (var c = 0u; c < n; c++) {
      k[r * n + c] = params.scale * load(row, all.head, params.channels4 + c);
      v[r * n + c] = load(row, all.head, 2u * params.channels4 + c);
      dk[r * n + c] = mat4x4f();
      dv[r * n + c] = mat4x4f();
    }
  }
  for (var first = 0u; first < params.length; first += LANES) {
    let row = row_of(all.window, first + lane);
    let q_at = start(row, all.head);
    let o_at = out_start(row, all.head);
    for (var c = 0u; c < n; c++) {
      q[c] = qkv[q_at + c];
      o[c] = dout[o_at + c];
    }
    let place = 2u * (all.window_head * params.quads + min((first + lane) / 4u, params.quads - 1u));
    let lse = select(stats[place][lane % 4u], -LOWEST, first + lane >= params.length);
    let delta = stats[place + 1u][lane % 4u];
    for (var r = 0u; r < rounds; r++) {
      var s = terms_of_keys(item_of(group, lane, r), first);
      for (var c = 0u; c < n; c++) { s = dots(k[r * n + c], q[c], s); }
      var dp = Block();
      for (var c = 0u; c < n; c++) { dp = dots(v[r * n + c], o[c], dp); }
      var p = Block(
        mat4x4f(
          probability(s.lo[0], subgroupBroadcast(lse, 0u)),
          probability(s.lo[1], subgroupBroadcast(lse, 1u)),
          probability(s.lo[2], subgroupBroadcast(lse, 2u)),
          probability(s.lo[3], subgroupBroadcast(lse, 3u)),
        ),
        mat4x4f(
          probability(s.hi[0], subgroupBroadcast(lse, 4u)),
          probability(s.hi[1], subgroupBroadcast(lse, 5u)),
          probability(s.hi[2], subgroupBroadcast(lse, 6u)),
          probability(s.hi[3], subgroupBroadcast(lse, 7u)),
        ),
      );
      let ds = Block(
        mat4x4f(
          p.lo[0] * (dp.lo[0] - subgroupBroadcast(delta, 0u)),
          p.lo[1] * (dp.lo[1] - subgroupBroadcast(delta, 1u)),
          p.lo[2] * (dp.lo[2] - subgroupBroadcast(delta, 2u)),
          p.lo[3] * (dp.lo[3] - subgroupBroadcast(delta, 3u)),
        ),
        mat4x4f(
          p.hi[0] * (dp.hi[0] - subgroupBroadcast(delta, 4u)),
          p.hi[1] * (dp.hi[1] - subgroupBroadcast(delta, 5u)),
          p.hi[2] * (dp.hi[2] - subgroupBroadcast(delta, 6u)),
          p.hi[3] * (dp.hi[3] - subgroupBroadcast(delta, 7u)),
        ),
      );
      for (var c = 0u; c < n; c++) {
        dk[r * n + c] = weighted(ds, q[c], dk[r * n + c]);
        dv[r * n + c] = weighted(p, o[c], dv[r * n + c]);
      }
    }
  }
  for (var r = 0u; r < rounds; r++) {
    let it = item_of(group, lane, r);
    var row = rows_of(it);
    for (var c = 0u; c < n; c++) {
      var key = transpose(params.scale * dk[r * n + c]);
      var value = transpose(dv[r * n + c]);
      for (var m = 0u; m < real(it.quad); m++) {
        if (row[m] < params.tokens) {
          let at = start(row[m], it.head) + params.channels4 + c;
          store(at, key[m]);
          store(at + params.channels4, value[m]);
        } else {
          let at = 2u * params.channels4 * (row[m] - params.tokens) + it.head * n + c;
          dpads[at] = key[m];
          dpads[at + params.channels4] = value[m];
        }
      }
    }
  }
}

// Pads each row of the bias to whole vec4; a lane writes one vec4. Grid: grid1d(heads * length * quads, 64).
@compute @workgroup_size(64)
fn align_bias(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 64u + lane;
  if (i >= params.heads * params.length * params.quads) { return; }
  let row = i / params.quads;
  let first = 4u * (i - row * params.quads);
  var values = vec4f();
  for (var j = 0u; j < min(4u, params.length - first); j++) { values[j] = bias_source[row * params.length + first + j]; }
  bias_rows[i] = values;
}
