// A matrix product through large tiles in workgroup memory, for blocks of 128 rows by BLOCK_COLUMNS columns and 128 lanes. Each
// lane has ROW_QUADS times four rows by eight columns of outputs in registers (SUMS vec4). Panels of 16 steps of k, k outermost,
// are staged as in gemm-shared4.wgsl, by blocks of four by four; while a panel is multiplied, the next one is loaded into
// registers.
//
// Bank conflicts: lines of a tile have a multiple of 32 vec4 and no padding. Of every eight lanes the stores go to eight
// consecutive vec4, and a subgroup of 32 lanes is four lanes down by eight across, which read four and eight consecutive vec4.
const STEPS = 16u; // of k in a panel
const ROWS4 = 32u; // vec4 in a line of a's tile
const COLUMNS4 = BLOCK_COLUMNS / 4u;
const ACROSS = BLOCK_COLUMNS / 8u; // lanes side by side
const DOWN = 128u / ACROSS;        // lanes one below the other
var<workgroup> a_tile: array<vec4f, STEPS * ROWS4>;
var<workgroup> b_tile: array<vec4f, STEPS * COLUMNS4>;

// The block of four by four that a lane stages: its quad of rows (or columns) and its first step of k. If memory runs along k,
// 32 lanes read 64 bytes of each of eight times four rows, else 512 bytes of each of four steps (256 of 64 columns).
fn place_of(lane: u32, quads: u32, along_k: bool) -> vec2u {
  if (along_k) { return vec2u(lane / 32u * 8u + lane % 8u, lane / 8u % 4u * 4u); }
  return vec2u(lane % quads, lane / quads * 4u);
}

// four steps of k (columns) of four rows of a
fn fetch_a(p: Part, row: u32, k0: u32, at: vec2u, along_k: bool) -> mat4x4f {
  let k = k0 + at.y;
  var v = mat4x4f();
  if (along_k) {
    if (k < p.steps) {
      // rows beyond the matrix read its last one and are not stored
      let i = min(row + at.x * 4u + vec4u(0u, 1u, 2u, 3u), vec4u(params.m - 1u)) * p.lda + p.a + k / 4u;
      v = transpose(mat4x4f(
        read_a(p.lora, i.x), read_a(p.lora, i.y), read_a(p.lora, i.z), read_a(p.lora, i.w)));
    }
    return v;
  }
  let i = p.a + min(row / 4u + at.x, params.m / 4u - 1u) + k * p.lda;
  if (k < p.steps) { v[0] = a[i]; }
  if (k + 1u < p.steps) { v[1] = a[i + p.lda]; }
  if (k + 2u < p.steps) { v[2] = a[i + 2u * p.lda]; }
  if (k + 3u < p.steps) { v[3] = a[i + 3u * p.lda]; }
  return v;
}

// four steps of k (columns) of four columns of b, times the part's scale
fn fetch_b(p: Part, column: u32, k0: u32, at: vec2u, along_k: bool) -> mat4x4f {
  let k = k0 + at.y;
  let j = column + at.x * 4u;
  var v = mat4x4f();
  // a block of 64 columns is staged by half of the lanes; columns that the part does not have add nothing
  if (at.x >= COLUMNS4 || at.y >= STEPS || j < p.first || j >= p.end) { return v; }
  if (along_k) {
    if (k < p.steps) {
      let l = (j - p.first + vec4u(0u, 1u, 2u, 3u)) * p.ldb + p.b + k / 4u;
      v = p.scale * transpose(mat4x4f(
        read_b(p.lora, l.x), read_b(p.lora, l.y), read_b(p.lora, l.z), read_b(p.lora, l.w)));
    }
    return v;
  }
  let l = p.b + j / 4u + k * p.ldb;
  if (k < p.steps) { v[0] = p.scale * read_b(p.lora, l); }
  if (k + 1u < p.steps) { v[1] = p.scale * read_b(p.lora, l + p.ldb); }
  if (k + 2u < p.steps) { v[2] = p.scale * read_b(p.lora, l + 2u * p.ldb); }
  if (k + 3u < p.steps) { v[3] = p.scale * read_b(p.lora, l + 3u * p.ldb); }
  return v;
}

fn put_a(at: vec2u, v: mat4x4f) {
  let i = at.y * ROWS4 + at.x;
  a_tile[i] = v[0];
  a_tile[i + ROWS4] = v[1];
  a_tile[i + 2u * ROWS4] = v[2];
  a_tile[i + 3u * ROWS4] = v[3];
}

fn put_b(at: vec2u, v: mat4x4f) {
  if (at.x >= COLUMNS4 || at.y >= STEPS) { return; }
  let i = at.y * COLUMNS4 + at.x;
  b_tile[i] = v[0];
  b_tile[i + COLUMNS4] = v[1];
  b_tile[i + 2u * COLUMNS4] = v[2];
  b_tile[i + 3u * COLUMNS4] = v[3];
}

// a_rows, b_rows: the rows of a, or of b, run along k
fn gemm(wg: vec3u, groups: vec3u, lane: u32, a_rows: bool, b_rows: bool) {
  let corner = block_of(wg, groups);
  let row = corner.y * 128u;
  let column = corner.x * BLOCK_COLUMNS;
  let a_at = place_of(lane, ROWS4, a_rows);
  let b_at = place_of(lane, COLUMNS4, b_rows);
  let ty = lane / 32u / (ACROSS / 8u) * 4u + lane % 32u / 8u;
  let tx = lane / 32u % (ACROSS / 8u) * 8u + lane % 8u;
  var s = Sums(); // of each row two vec4
  for (var e = 0u; e <= params.extensions; e++) {
    let p = part_of(e, wg, b_rows);
    var next_a = fetch_a(p, row, 0u, a_at, a_rows);
    var next_b = fetch_b(p, column, 0u, b_at, b_rows);
    for (var k0 = 0u; k0 < p.steps; k0 += STEPS) {
      put_a(a_at, next_a);
      put_b(b_at, next_b);
      workgroupBarrier();
      if (k0 + STEPS < p.steps) {
        next_a = fetch_a(p, row, k0 + STEPS, a_at, a_rows);
        next_b = fetch_b(p, column, k0 + STEPS, b_at, b_rows);
      }
      for (var kk = 0u; kk < STEPS; kk++) {
        let v0 = b_tile[kk * COLUMNS4 + tx];
        let v1 = b_tile[kk * COLUMNS4 + ACROSS + tx];
        // unroll
        for (var i = 0u; i < ROW_QUADS; i++) {
          let u = a_tile[kk * ROWS4 + i * DOWN + ty];
          s[8u * i] = fma(vec4f(u.x), v0, s[8u * i]);
          s[8u * i + 1u] = fma(vec4f(u.x), v1, s[8u * i + 1u]);
          s[8u * i + 2u] = fma(vec4f(u.y), v0, s[8u * i + 2u]);
          s[8u * i + 3u] = fma(vec4f(u.y), v1, s[8u * i + 3u]);
          s[8u * i + 4u] = fma(vec4f(u.z), v0, s[8u * i + 4u]);
          s[8u * i + 5u] = fma(vec4f(u.z), v1, s[8u * i + 5u]);
          s[8u * i + 6u] = fma(vec4f(u.w), v0, s[8u * i + 6u]);
          s[8u * i + 7u] = fma(vec4f(u.w), v1, s[8u * i + 7u]);
        }
      }
      workgroupBarrier();
    }
  }
  // four rows a round, always from the first sums: so the compiled code has the epilogue eight times, not once for each output
  let start = starts_of(wg.z).z / 4u;
  for (var i = 0u; i < ROW_QUADS; i++) {
    let first = row + (i * DOWN + ty) * 4u;
    // unroll
    for (var r = 0u; r < 4u; r++) {
      store(start, first + r, column / 4u + tx, s[2u * r]);
      store(start, first + r, column / 4u + ACROSS + tx, s[2u * r + 1u]);
    }
    // unroll
    for (var q = 8u; q < SUMS; q++) { s[q - 8u] = s[q]; }
  }
}

fn store(start: u32, row: u32, column: u32, sum: vec4f) {
  if (row >= params.m || column >= params.n / 4u) { return; }
  store_output(start + row * (params.ldc / 4u) + column, column, sum);
}
