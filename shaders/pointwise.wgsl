// Element-wise kernels of lib/pointwise.wgsl, one f32 at a time: for any sizes.
alias Element = f32;
// use: pointwise
