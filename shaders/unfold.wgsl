// Patches that do not overlap, as rows: x (B, H, W, C) to y (B * H/p * W/p, p * p * C), columns in order (ky, kx, c).
// Both directions are the same permutation; ky and (kx, c) of one patch row are contiguous on both sides.
// Grid: (blocks of 256 over W * C, H, B). Reads and writes each value once.

struct Params {
  height: u32,
  row: u32,     // W * C
  size: u32,    // p
  segment: u32, // p * C: the contiguous piece
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

// where element i of image row (group.y, group.z) lies among the patches
fn folded(group: vec3u, i: u32) -> u32 {
  let patch_row = group.z * (params.height / params.size) + group.y / params.size;
  let piece = i / params.segment;
  let at = patch_row * (params.row / params.segment) + piece;
  return (at * params.size + group.y % params.size) * params.segment + i % params.segment;
}

@compute @workgroup_size(256)
fn unfold(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 256u + lane;
  if (i >= params.row) { return; }
  out[folded(group, i)] = a[(group.z * params.height + group.y) * params.row + i];
}

@compute @workgroup_size(256)
fn fold(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 256u + lane;
  if (i >= params.row) { return; }
  let value = a[folded(group, i)];
  let at = (group.z * params.height + group.y) * params.row + i;
  if (params.accumulate != 0u) {
    out[at] += value;
  } else {
    out[at] = value;
  }
}
