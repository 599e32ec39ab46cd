// The attention of lib/cross-attention.wgsl with heads of 8 numbers.
alias Head = mat2x4f;
// use: cross-attention, head-of-one-matrix

fn dot_heads(x: Head, y: Head) -> f32 {
  return dot(x[0], y[0]) + dot(x[1], y[1]);
}
