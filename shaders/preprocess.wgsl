// Normalises raw images (B, S, S, 3) on 0..255: y = (x - mean) / deviation in the valid part of each image, and 0 to the right
// of it and below, because padding follows the normalisation. sizes (B, 2): height and width of the valid part.
// 2 B S S 3 FLOPs. Grid: grid1d(B S S 3).

struct Params {
  batch: u32,
  side: u32,
  mean: vec4f,
  deviation: vec4f,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> sizes: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// use: workgroup-index

@compute @workgroup_size(256)
fn normalize_image(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  let plane = params.side * params.side * 3u;
  let b = i / plane;
  if (b >= params.batch) { return; }
  let channel = i % 3u;
  let column = i / 3u % params.side;
  let row = i % plane / (3u * params.side);
  var value = (x[i] - params.mean[channel]) / params.deviation[channel];
  if (row >= sizes[2u * b] || column >= sizes[2u * b + 1u]) { value = 0.0; }
  y[i] = value;
}
