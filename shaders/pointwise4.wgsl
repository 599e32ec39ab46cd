// Element-wise kernels of lib/pointwise.wgsl, four f32 at a time: `count` and `repeat` count vec4f.
alias Element = vec4f;
// use: pointwise
