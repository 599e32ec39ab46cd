// Normalises raw images (B, S, S, 3) on 0..255: y = (x - mean) / deviation in the valid part of each image, and 0 to the right
// of it and below, because padding follows the normalisation. sizes (B, 2): height and width of the valid part. 2 B S S 3 FLOPs.
//   normalize_image: from f32. Grid: grid1d(B S S 3).
//   normalize_bytes: from bytes, four in a word, with the same results. S is a multiple of 4. Grid: grid1d(words, 64 * rounds),
//     see lane-range.
//   expand_bytes: bytes to f32, as they are. Grid: as normalize_bytes.

struct Params {
  batch: u32,
  side: u32,
  words: u32, // of bytes
  rounds: u32, // words of a lane
  mean: vec4f,
  deviation: vec4f,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> sizes: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@group(0) @binding(4) var<storage, read> packed: array<u32>;
@group(0) @binding(5) var<storage, read_write> numbers: array<vec4f>;

// use: lane-range, workgroup-index

fn normalised(value: f32, channel: u32) -> f32 {
  return (value - params.mean[channel]) / params.deviation[channel];
}

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
  var value = normalised(x[i], channel);
  if (row >= sizes[2u * b] || column >= sizes[2u * b + 1u]) { value = 0.0; }
  y[i] = value;
}

@compute @workgroup_size(64)
fn normalize_bytes(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.words);
  let line = params.side * 3u;
  for (var w = range.x; w < range.y; w += 8u) {
    // a row has a multiple of four bytes, so the four of a word are in one row
    let row = w * 4u / line;
    let b = row / params.side;
    let inside = row % params.side < sizes[2u * b];
    let bytes = (vec4u(packed[w]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
    for (var k = 0u; k < 4u; k++) {
      let at = w * 4u % line + k;
      var value = normalised(f32(bytes[k]), at % 3u);
      if (!inside || at / 3u >= sizes[2u * b + 1u]) { value = 0.0; }
      y[4u * w + k] = value;
    }
  }
}

@compute @workgroup_size(64)
fn expand_bytes(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.words);
  for (var w = range.x; w < range.y; w += 8u) {
    numbers[w] = vec4f((vec4u(packed[w]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  }
}
