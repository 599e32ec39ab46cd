// The attention of lib/cross-attention.wgsl with heads of 32 numbers.
struct Head { low: mat4x4f, high: mat4x4f }
// use: cross-attention

fn dot_heads(x: Head, y: Head) -> f32 {
  return dot(x.low[0], y.low[0]) + dot(x.low[1], y.low[1]) + dot(x.low[2], y.low[2]) + dot(x.low[3], y.low[3])
    + dot(x.high[0], y.high[0]) + dot(x.high[1], y.high[1]) + dot(x.high[2], y.high[2]) + dot(x.high[3], y.high[3]);
}

fn times(factor: f32, x: Head) -> Head {
  return Head(factor * x.low, factor * x.high);
}

fn add_times(sum: Head, factor: f32, x: Head) -> Head {
  return Head(sum.low + factor * x.low, sum.high + factor * x.high);
}

fn sum_heads(a: f32, x: Head, b: f32, y: Head) -> Head {
  return Head(a * x.low + b * y.low, a * x.high + b * y.high);
}
