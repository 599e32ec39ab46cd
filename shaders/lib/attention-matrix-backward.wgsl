// What the backward kernels for matrix units share. Gradients may be of any size, f16 holds 6e-8 to 65504: so the gradients of
// a window and head are multiplied by a power of two, and what they sum up to is divided by it.
// use: attention-matrix
@group(0) @binding(4) var<storage, read> stats: array<vec4f>; // (windows * heads, quads, 2): log of the sum of exp(score); delta
@group(0) @binding(5) var<storage, read> norms: array<vec2f>; // (windows * heads, tiles): largest norms of dout's rows, of v's
@group(0) @binding(6) var<storage, read> dout: array<vec4f>;  // (tokens, C)
@group(0) @binding(7) var<storage, read_write> dqkv: array<vec4f>; // as qkv

// The power of two and its inverse. A weight's gradient dout.v and delta are at most the product of the largest norms, so
// that the gradient of a score, p (dout.v - delta), stays below 2^14.
fn gradient_scale(it: Item) -> vec2f {
  let tiles = params.quads / 16u;
  var largest = vec2f();
  for (var i = 0u; i < tiles; i++) { largest = max(largest, norms[it.window_head * tiles + i]); }
  let bound = 2.0 * largest.x * max(largest.y, 1.0);
  let exponent = clamp(267u - ((bitcast<u32>(bound) >> 23u) & 255u), 1u, 253u);
  return vec2f(bitcast<f32>(exponent << 23u), bitcast<f32>((254u - exponent) << 23u));
}

// stages dout times `scale` for `count` positions from `first` on, in rows from `to` on; zeros for padding
fn stage_dout(it: Item, lane: u32, first: u32, count: u32, to: u32, scale: f32) {
  for (var i = lane; i < count * 4u * parts; i += LANES) {
    let r = i / (4u * parts);
    let c = i % (4u * parts);
    let row = row_of(it.window, first + r);
    var value = vec4f();
    if (c < params.head4 && row < params.tokens) { value = dout[row * params.channels4 + it.head * params.head4 + c]; }
    staged[(to + r) * STEP + c] = vec4<f16>(scale * value);
  }
}

fn store(at: u32, value: vec4f) {
  dqkv[at] = value + select(vec4f(), dqkv[at], params.accumulate != 0u);
}

// writes 32 channels of the gradient of q, from the vec4 `channel` of the head on, which are `scale` times the scores
fn write_dq(it: Item, lane: u32, first: u32, channel: u32, scale: f32) {
  let c = channel + lane % 8u;
  if (c >= params.head4) { return; }
  for (var r = lane / 8u; r < min(OWN, params.length - first); r += 16u) {
    let row = row_of(it.window, first + r);
    let at = r * PITCH + lane % 8u * 4u;
    let y = vec4f(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
    if (row < params.tokens) { store(row * 3u * params.channels4 + it.head * params.head4 + c, scale * y); }
  }
}
