// Kernels of lib/rows.wgsl that move one f32 at a time.
alias Element = f32;
// use: rows
