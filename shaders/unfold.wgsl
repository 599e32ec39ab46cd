// Patches that do not overlap as rows: x (B, H, W, C) to y (B * H/p * W/p, p * p * C), columns in order (ky, kx, c).
// unfold and fold, its reverse, are the same permutation; the p * C elements of a patch's line are contiguous on both sides.
// Reads and writes each value once. Grid: (ceil(W * C / 256), H, B).

struct Params {
  height: u32,
  row: u32,     // W * C
  size: u32,    // p
  segment: u32, // p * C: contiguous elements
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

// use: store-out

// the index among the patches of element i of image line group.y of image group.z
fn folded(group: vec3u, i: u32) -> u32 {
  let patch_row = group.z * (params.height / params.size) + group.y / params.size;
  let patch_index = patch_row * (params.row / params.segment) + i / params.segment;
  return (patch_index * params.size + group.y % params.size) * params.segment + i % params.segment;
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
  store(at, value);
}
