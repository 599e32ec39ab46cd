// Parameters that all variants of the fused attention kernels have (engine/ops/attention-variants.ts).
length: u32,     // positions of a window = side_h * side_w
quads: u32,      // ceil(length / 4)
side_h: u32,
side_w: u32,
heads: u32,
head4: u32,      // head_dim / 4
channels4: u32,  // C / 4
tokens: u32,
scale: f32,
relative: u32,   // 1: rel is given
biased: u32,     // 1: bias is given
keep: u32,       // forward: 1 to write stats
accumulate: u32, // backward: 1 to add to dqkv
