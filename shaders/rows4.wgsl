// Kernels of lib/rows.wgsl that move four f32 at a time.
alias Element = vec4f;
// use: rows
