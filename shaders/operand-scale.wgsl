// The scales of the operands of a matrix product for matrix units (gemm-matrix.wgsl), found on the GPU without atomics.
//   find_largest: the largest magnitude in an operand of heads x batches matrices of `rows` x `columns`, for ranges of it: `largest`
//     has one word for each workgroup, the bits of an f32 without its sign, which sort as numbers do. Inf and NaN are
//     larger than all numbers. Bound by reading the operand. Columns, strides and starts are multiples of 4. Grid: any number of workgroups.
//   find_scales: from the words (of that pass, or of the product that stored the operand) of a, b and, if params.lora is 1, of the LoRA term's operands, writes two vec4f: the factors of
//     a, b, lora_left and lora_right, and the two factors that undo them. The `columns` values of the bias follow. Grid: (1).
//
// Numbers of f16 have all their 11 bits from 2^-14 to 2^16; below they are multiples of 2^-24. Multiplied by 2^(14 - e), e being
// the exponent of an operand's largest magnitude, no value becomes infinite, those down to 2^-28 of the largest keep all bits.
// Both parts of a sum, a b and the LoRA term, must be multiplied by the same power of two, so the part with the smaller values
// gives up half of the difference in each of its operands: bits that the sum could not hold anyway.
struct Params {
  rows: u32, columns: u32, stride: u32, start: u32,
  heads: u32, head: u32, batches: u32, batch: u32,
  lora: u32,
  alpha: f32,     // scale of a b
  ext_scale: f32, // scale of the LoRA term
  words_a: u32, words_b: u32, words_left: u32, words_right: u32, // of the operands' largest magnitudes
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> largest: array<u32>;
@group(0) @binding(3) var<storage, read> largest_a: array<u32>;
@group(0) @binding(4) var<storage, read> largest_b: array<u32>;
@group(0) @binding(5) var<storage, read> largest_left: array<u32>;
@group(0) @binding(6) var<storage, read> largest_right: array<u32>;
@group(0) @binding(7) var<storage, read> bias_values: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> scales: array<vec4f>;

var<workgroup> tops: array<vec4u, 256>;

// the largest of tops, in tops[0]
fn reduce(lane: u32) {
  workgroupBarrier();
  for (var width = 128u; width > 0u; width /= 2u) {
    if (lane < width) { tops[lane] = max(tops[lane], tops[lane + width]); }
    workgroupBarrier();
  }
}

@compute @workgroup_size(256)
fn find_largest(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let width = params.columns / 4u;
  let matrix = params.rows * width;
  var top = vec4u();
  for (var i = wg.x * 256u + lane; i < matrix * params.heads * params.batches; i += groups.x * 256u) {
    let number = i / matrix;
    let at = params.start + number / params.heads * params.batch + number % params.heads * params.head
      + i % matrix / width * params.stride;
    top = max(top, x[at / 4u + i % width] & vec4u(0x7fffffffu));
  }
  tops[lane] = top;
  reduce(lane);
  if (lane == 0u) {
    let t = tops[0];
    largest[wg.x] = max(max(t.x, t.y), max(t.z, t.w));
  }
}

// use: powers-of-two

@compute @workgroup_size(256)
fn find_scales(@builtin(local_invocation_index) lane: u32) {
  var found = vec4u();
  for (var i = lane; i < params.words_a; i += 256u) { found.x = max(found.x, largest_a[i]); }
  for (var i = lane; i < params.words_b; i += 256u) { found.y = max(found.y, largest_b[i]); }
  for (var i = lane; i < params.words_left; i += 256u) { found.z = max(found.z, largest_left[i]); }
  for (var i = lane; i < params.words_right; i += 256u) { found.w = max(found.w, largest_right[i]); }
  tops[lane] = found;
  for (var i = lane; i < params.columns / 4u; i += 256u) { scales[2u + i] = bias_values[i]; }
  reduce(lane);
  if (lane != 0u) { return; }
  let top = tops[0];
  let scale = vec2f(params.alpha, params.ext_scale);
  let size = bitcast<vec2u>(scale) & vec2u(0x7fffffffu);
  // of each part: exponents of the operands, the second multiplied by the part's scale; and that of the product's factor
  let first = vec2i(exponent(top.x), exponent(top.z));
  let second = max(
    vec2i(exponent(top.y), exponent(top.w)) + vec2i(exponent(size.x), exponent(size.y)) + 1, vec2i(-100));
  let room = vec2i(28) - first - second;
  let both = select(room.x, min(room.x, room.y), params.lora != 0u);
  let given_up = (room - both) / 2;
  let e = vec2i(14) - first - given_up;
  let f = vec2i(both) - e;
  scales[0] = vec4f(power(e.x), scale.x * power(f.x), power(e.y), scale.y * power(f.y));
  scales[1] = vec4f(power(-(both / 2)), power(-(both - both / 2)), 0.0, 0.0);
}
