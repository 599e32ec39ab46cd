// What precision `high` does to an operand of a matrix product, for adapters without matrix units: its values are multiplied by the
// power of two that operand-scale.wgsl finds, rounded to f16, and divided by it again. Products of the results in f32 are those
// of matrix units, up to the rounding of sums.
//   round_operand: rounded = x rounded. `largest` are the words of find_largest (operand-scale.wgsl) for the part of x that is
//     read; what lies outside that part may become infinite. `quads` vec4 of f32. Grid: any number of workgroups.
struct Params {
  quads: u32,
  words: u32, // of `largest`
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> largest: array<u32>;
@group(0) @binding(3) var<storage, read_write> rounded: array<vec4f>;

// use: powers-of-two
// To the nearest number of f16, of two equally near ones to the even one. Conversions of WGSL may round to either neighbour.
fn to_f16(v: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(v);
  let nearest = (bits + 0xfffu + ((bits >> vec4u(13u)) & vec4u(1u))) & vec4u(0xffffe000u);
  let magnitude = bits & vec4u(0x7fffffffu);
  // infinite or NaN: their bits stay; below 2^-14: multiples of 2^-24
  let kept = select(nearest, bits, magnitude >= vec4u(0x7f800000u));
  return select(bitcast<vec4f>(kept), round(v * 0x1p24f) * 0x1p-24f, magnitude < vec4u(0x38800000u));
}

var<workgroup> tops: array<u32, 64>;

@compute @workgroup_size(64)
fn round_operand(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var top = 0u;
  for (var i = lane; i < params.words; i += 64u) { top = max(top, largest[i]); }
  tops[lane] = top;
  workgroupBarrier();
  for (var width = 32u; width > 0u; width /= 2u) {
    if (lane < width) { tops[lane] = max(tops[lane], tops[lane + width]); }
    workgroupBarrier();
  }
  let e = exponent(tops[0]);
  let up = power(14 - e);
  let down = power(e - 14);
  for (var i = wg.x * 64u + lane; i < params.quads; i += groups.x * 64u) {
    rounded[i] = to_f16(x[i] * up) * down;
  }
}
