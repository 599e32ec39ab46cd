// The attention of lib/cross-attention.wgsl with heads of 16 numbers.
alias Head = mat4x4f;
// use: cross-attention, head-of-one-matrix

fn dot_heads(x: Head, y: Head) -> f32 {
  return dot(x[0], y[0]) + dot(x[1], y[1]) + dot(x[2], y[2]) + dot(x[3], y[3]);
}
