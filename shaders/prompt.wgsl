// Position encodings of the prompt encoder: pe(c) = [sin, cos](2 pi ((2c - 1) @ gaussian)), c = (pixel + 0.5) / size.
// tokens: coords (P, N, 2) in pixels, x before y, and labels (P, N) to out (P, N, D). Labels 0 (background), 1 (foreground),
//   2 and 3 (corners of a box): pe + embeddings[label]; -1 (no point): `other` alone; any other label (absent): zeros.
// grid: out (height, width, D), pe of every cell. About 40 FLOPs an element. Grid: grid1d(count).

struct Params {
  count: u32, // elements of out
  half: u32,  // D / 2
  width: u32, // tokens: the input's, in pixels; grid: in cells
  height: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> coords: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<i32>;
@group(0) @binding(3) var<storage, read> gaussian: array<f32>;   // (2, D/2)
@group(0) @binding(4) var<storage, read> embeddings: array<f32>; // (4, D)
@group(0) @binding(5) var<storage, read> other: array<f32>;      // (D)
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

// use: workgroup-index

// sin(2 pi turns). WGSL's sin promises an absolute error of only 2^-11. So the angle is reduced to an eighth of a turn on
// either side of the nearest quarter, where the Taylor series to x^9 and x^10 are exact in f32.
fn sin_turns(turns: f32) -> f32 {
  let quarters = 4.0 * (turns - round(turns));
  let nearest = round(quarters);
  let x = (quarters - nearest) * 1.5707963267948966;
  let x2 = x * x;
  let sine = x + x * x2 * (-1.0 / 6.0 + x2 * (1.0 / 120.0 + x2 * (-1.0 / 5040.0 + x2 * (1.0 / 362880.0))));
  let cosine = 1.0 + x2 * (-0.5 + x2 * (1.0 / 24.0 + x2 * (-1.0 / 720.0 + x2 * (1.0 / 40320.0 - x2 * (1.0 / 3628800.0)))));
  let quarter = u32(i32(nearest) + 4) % 4u;
  let value = select(sine, cosine, (quarter & 1u) == 1u);
  return select(value, -value, quarter >= 2u);
}

// feature d of the encoding: sines first, then cosines
fn encode(pixel: vec2f, d: u32) -> f32 {
  let size = vec2f(vec2u(params.width, params.height));
  let at = (2.0 * pixel + 1.0 - size) / size; // 2c - 1
  let k = d % params.half;
  let turns = fma(at.x, gaussian[k], at.y * gaussian[params.half + k]);
  // cos is sin a quarter of a turn on, added after whole turns are removed so that no digit is lost
  return sin_turns(turns - round(turns) + select(0.0, 0.25, d >= params.half));
}

@compute @workgroup_size(256)
fn tokens(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.count) { return; }
  let dim = 2u * params.half;
  let point = i / dim;
  let d = i % dim;
  let label = labels[point];
  var value = 0.0;
  if (label >= 0 && label <= 3) {
    value = encode(vec2f(coords[2u * point], coords[2u * point + 1u]), d) + embeddings[u32(label) * dim + d];
  } else if (label == -1) {
    value = other[d];
  }
  out[i] = value;
}

@compute @workgroup_size(256)
fn grid(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.count) { return; }
  let dim = 2u * params.half;
  let cell = i / dim;
  out[i] = encode(vec2f(vec2u(cell % params.width, cell / params.width)), i % dim);
}
