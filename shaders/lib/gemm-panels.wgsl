// Panels of a matrix product for matrix units: 32 steps of k of a block of rows of a and of columns of b, read four floats at
// a time. A panel keeps the order of its operand in memory: lines along k, one for each row or column of the block, or lines
// along the block, one for each step of k. Beyond the matrix a panel is zero: the units have no other way to leave it out.
override a_along_k = true; // of nt and nn; for tn a line is a step of k
override b_along_k = true; // of nt

const PANEL = 32u;
// Elements between lines, over their length: consecutive lines fall on different banks of workgroup memory.
const PAD = 8u;
const PITCH = PANEL + PAD;           // of lines along k
const A_PITCH = BLOCK_ROWS + PAD;    // of lines along the block
const B_PITCH = BLOCK_COLUMNS + PAD;

// Line and first element in it, in a panel `width` elements wide, of its vec4 number i.
fn place_in(i: u32, width: u32) -> vec2u {
  return vec2u(i / (width / 4u), i % (width / 4u) * 4u);
}

fn fetch_a(p: Part, row: u32, k0: u32, i: u32) -> vec4f {
  let at = place_in(i, select(BLOCK_ROWS, PANEL, a_along_k));
  let here = vec2u(row, k0) + select(at.yx, at, a_along_k);
  var v = vec4f();
  if (here.x < params.m && here.y < p.steps) {
    v = read_a(p.lora, p.a + select(here.y * p.lda + here.x / 4u, here.x * p.lda + here.y / 4u, a_along_k));
  }
  return v;
}

fn fetch_b(p: Part, column: u32, k0: u32, i: u32) -> vec4f {
  let at = place_in(i, select(BLOCK_COLUMNS, PANEL, b_along_k));
  let here = vec2u(column, k0) + select(at.yx, at, b_along_k);
  var v = vec4f();
  if (here.x >= p.first && here.x < p.end && here.y < p.steps) {
    let line = here.x - p.first;
    v = read_b(p.lora, p.b + select(here.y * p.ldb + here.x / 4u, line * p.ldb + here.y / 4u, b_along_k));
  }
  return v;
}

// where vec4 number i is put in the tile
fn a_slot(i: u32) -> u32 {
  let at = place_in(i, select(BLOCK_ROWS, PANEL, a_along_k));
  return at.x * select(A_PITCH, PITCH, a_along_k) + at.y;
}

fn b_slot(i: u32) -> u32 {
  let at = place_in(i, select(BLOCK_COLUMNS, PANEL, b_along_k));
  return at.x * select(B_PITCH, PITCH, b_along_k) + at.y;
}

// In bias_values, before the bias: the factors of a, b, lora_left and lora_right, and the two factors that undo them.
const BIAS = 2u;

// of a part's operands: powers of two, the second times the part's scale
fn factors_of(p: Part) -> vec2f {
  return select(bias_values[0].xy, bias_values[0].zw, p.lora);
}

// back to the scale of c, in two steps, as the power of two of both may be out of the range of f32
fn unscaled(sum: vec4f) -> vec4f {
  return sum * bias_values[1].x * bias_values[1].y;
}
