// Positions in groups of four, and products of four by four: what the kernels share in which a lane owns quads of positions.
// use: attention-rows
fn rows_of(window: u32, quad: u32) -> vec4u {
  let p = 4u * quad;
  return vec4u(row_of(window, p), row_of(window, p + 1u), row_of(window, p + 2u), row_of(window, p + 3u));
}

// where the q of four rows start in qkv; k and v are channels4 and 2 channels4 further on; all padding has one row
fn starts(row: vec4u, head: u32) -> vec4u {
  return min(row, vec4u(params.tokens)) * (3u * params.channels4) + head * params.head4;
}

// where four rows start in dout; padding reads the last token, but its probabilities are 0
fn out_starts(row: vec4u, head: u32) -> vec4u {
  return min(row, vec4u(params.tokens - 1u)) * params.channels4 + head * params.head4;
}

// four positions by four channels from 4 c on; zeros beyond the head
fn load(at: vec4u, c: u32) -> mat4x4f {
  if (c >= params.head4) { return mat4x4f(); }
  return transpose(mat4x4f(qkv[at.x + c], qkv[at.y + c], qkv[at.z + c], qkv[at.w + c]));
}

fn load_dout(at: vec4u, c: u32) -> mat4x4f {
  if (c >= params.head4) { return mat4x4f(); }
  return transpose(mat4x4f(dout[at.x + c], dout[at.y + c], dout[at.z + c], dout[at.w + c]));
}

// the outer product of a (own positions) and b (others or channels, as columns), plus c
fn outer(a: vec4f, b: vec4f, c: mat4x4f) -> mat4x4f {
  return mat4x4f(fma(a, vec4f(b.x), c[0]), fma(a, vec4f(b.y), c[1]), fma(a, vec4f(b.z), c[2]), fma(a, vec4f(b.w), c[3]));
}

fn bias_of(head: u32, query: u32, key: u32) -> f32 {
  return bias[(head * params.length + min(query, params.length - 1u)) * params.length + min(key, params.length - 1u)];
}

fn write_dkv_row(it: Item, row: u32, c: u32, key: vec4f, value: vec4f) {
  if (row < params.tokens) {
    let at = (row * 3u + 1u) * params.channels4 + it.head * params.head4 + c;
    store(at, key);
    store(at + params.channels4, value);
  } else {
    let at = 2u * params.channels4 * (row - params.tokens) + it.head * params.head4 + c;
    dpads[at] = key;
    dpads[at + params.channels4] = value;
  }
}
