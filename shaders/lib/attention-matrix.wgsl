// What the attention kernels for matrix units share (engine/ops/attention-matrix.ts).
struct Params {
  // use: attention-members
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> qkv: array<vec4f>;   // (tokens [+ 1], 3C)
@group(0) @binding(2) var<storage, read> rows: array<u32>;    // (windows, length): row in qkv; from `tokens` on: padding
// What is added to scores, query by query: with relative positions (windows * heads, side_h + side_w, 4 quads), each line of
// keys, then each column; with a bias (heads, length, 4 quads), each key. `quads` is a multiple of 16 here.
@group(0) @binding(3) var<storage, read> terms: array<f32>;

// use: attention-rows

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

override parts = 4u; // 16 channels each: the head, padded with zeros to 32 or 64 channels

const LOWEST = -1.0e30; // the score of a key that gets no probability
const LOG2E = 1.4426950408889634;
const LANES = 128u;
const OWN = 64u;   // positions that a workgroup owns, 16 in each of its 4 subgroups
const TILE = 32u;  // positions that it processes at a time of those over which it sums
const STEP = 18u;  // from row to row of f16 matrices, in vec4: 64 numbers, and 8 so that rows start in different banks
const PITCH = 36u; // from row to row of f32 matrices: 32 numbers and 4

// f16 operands, 64 rows. The 16 vec4 at the end are never used: Dawn's bounds check of a matrix's last row counts its 16
// numbers as 16 elements of the array.
var<workgroup> staged: array<vec4<f16>, 1168>;
var<workgroup> weights: array<vec4<f16>, 1168>; // what scores become: probabilities or gradients of scores
var<workgroup> scores: array<f32, 2304>;        // own positions by a tile of others, or by 32 channels

// A lane's place. Elements of matrices belong to no lane, so scores pass through workgroup memory, where lane `row` of half 0
// or 1 processes the first or the last 16 numbers of a row.
struct Item {
  window_head: u32,
  window: u32,
  head: u32,
  own: u32,  // first of the subgroup's 16 rows
  row: u32,  // of the workgroup's 64 rows
  half: u32,
}

fn item_of(group: vec3u, lane: u32) -> Item {
  let own = lane / 32u * 16u;
  return Item(group.y, group.y / params.heads, group.y % params.heads, own, own + lane % 16u, lane / 16u % 2u);
}

// Keys are taken line by line of the window, so that all of a tile's keys in a row of a matrix have one relative term for
// their line, and each column of keys one column of matrices for the whole loop. A tile is 32 columns of one line, or two
// lines of up to 16 columns. Without relative positions the window is one line.
fn narrow() -> bool {
  return params.side_w <= 16u;
}

// the position of the tile's key `slot`, or `length` if there is none
fn key_at(first_line: u32, first_column: u32, slot: u32) -> u32 {
  let line = first_line + select(0u, slot / 16u, narrow());
  let column = first_column + select(slot, slot % 16u, narrow());
  return select(params.length, line * params.side_w + column, line < params.side_h && column < params.side_w);
}

// four channels of a position's q, k or v (part 0, 1, 2); zeros beyond the head
fn channels(it: Item, position: u32, part: u32, c: u32) -> vec4f {
  if (c >= params.head4) { return vec4f(); }
  let row = min(row_of(it.window, position), params.tokens);
  return qkv[(row * 3u + part) * params.channels4 + it.head * params.head4 + c];
}

// stages q, times the scale of scores, of `count` positions from `first` on
fn stage_queries(it: Item, lane: u32, first: u32, count: u32) {
  for (var i = lane; i < count * 4u * parts; i += LANES) {
    let r = i / (4u * parts);
    let c = i % (4u * parts);
    staged[r * STEP + c] = vec4<f16>(params.scale * channels(it, first + r, 0u, c));
  }
}

// stages the k, then the v of a tile of keys; zeros where there is no key
fn stage_keys(it: Item, lane: u32, first_line: u32, first_column: u32) {
  for (var i = lane; i < TILE * 4u * parts; i += LANES) {
    let slot = i / (4u * parts);
    let c = i % (4u * parts);
    let position = key_at(first_line, first_column, slot);
    var key = vec4f();
    var value = vec4f();
    if (position < params.length) {
      key = channels(it, position, 1u, c);
      value = channels(it, position, 2u, c);
    }
    staged[slot * STEP + c] = vec4<f16>(key);
    staged[(TILE + slot) * STEP + c] = vec4<f16>(value);
  }
}

// where the terms of the first column of keys start: with a bias, of the first key
fn first_column_terms(it: Item) -> u32 {
  let relative = it.window_head * (params.side_h + params.side_w) + params.side_h;
  return select(it.head * params.length, relative, params.relative != 0u) * 4u * params.quads;
}

// how many of the lane's 16 keys of a tile there are
fn keys_of(it: Item, first_line: u32, first_column: u32) -> u32 {
  let line = first_line + select(0u, it.half, narrow());
  let column = first_column + select(16u * it.half, 0u, narrow());
  return select(0u, min(16u, params.side_w - min(column, params.side_w)), line < params.side_h);
}

// what the line of the lane's keys adds to the scores of a query
fn line_term(it: Item, first_line: u32, query: u32) -> f32 {
  if (params.relative == 0u) { return 0.0; }
  let line = min(first_line + select(0u, it.half, narrow()), params.side_h - 1u);
  return terms[(it.window_head * (params.side_h + params.side_w) + line) * 4u * params.quads + query];
}

// the lane's 16 numbers of f32 results
fn lane_scores(it: Item) -> mat4x4f {
  let at = it.row * PITCH + 16u * it.half;
  var s = mat4x4f();
  // unroll
  for (var i = 0u; i < 4u; i++) {
    s[i] = vec4f(scores[at + 4u * i], scores[at + 4u * i + 1u], scores[at + 4u * i + 2u], scores[at + 4u * i + 3u]);
  }
  return s;
}

// the first `count` of 16 scores; the others get no probability
fn only(all: mat4x4f, count: u32) -> mat4x4f {
  var s = all;
  // unroll
  for (var i = 0u; i < 4u; i++) {
    s[i] = select(vec4f(LOWEST), s[i], vec4u(4u * i, 4u * i + 1u, 4u * i + 2u, 4u * i + 3u) < vec4u(count));
  }
  return s;
}

// exp(x + shift)
fn exponentials(x: mat4x4f, shift: f32) -> mat4x4f {
  var s = x;
  // unroll
  for (var i = 0u; i < 4u; i++) { s[i] = exp2(fma(s[i], vec4f(LOG2E), vec4f(LOG2E * shift))); }
  return s;
}

fn total(s: mat4x4f) -> f32 {
  let t = (s[0] + s[1]) + (s[2] + s[3]);
  return (t.x + t.y) + (t.z + t.w);
}

// writes the lane's 16 numbers as f16, `column` vec4 from the start of its row
fn write_weights(it: Item, column: u32, numbers: mat4x4f) {
  var w = numbers;
  // unroll
  for (var i = 0u; i < 4u; i++) { weights[it.row * STEP + column + 4u * it.half + i] = vec4<f16>(w[i]); }
}
