// The exponent of a magnitude, from the bits of an f32 without its sign: 2^e <= x < 2^(e + 1). Far below what f16 can be scaled to,
// it does not matter.
fn exponent(bits: u32) -> i32 {
  return max(i32(bits >> 23u) - 127, -100);
}

// 2^e; 0 below f32's normal numbers
fn power(e: i32) -> f32 {
  return bitcast<f32>(u32(clamp(e, -127, 127) + 127) << 23u);
}
