// Moves whole rows and ranges of columns of Elements, f32 or vec4f; all lengths, strides and offsets count Elements.
// gather:  out (rows, length) = a[index[row]]; an index from `a_rows` on gives zeros.
// collect: its backward, out (rows, length) (+)= the sum of a[m] over all m with index[m] = row, in ascending m.
// copy:    out[row, out_offset..] (+)= sum over k < repeats of a[(row + k * step) % a_rows, a_offset..], `length` columns.
// spread:  out (rows, length) = a, whose rows have a_stride columns, from column out_offset on; zeros in other columns.
// Hardly any FLOPs; reads and writes each value once (collect reads M indices a value, at one address for all lanes).
// Grid: (blocks of 64 * rounds columns, rows, more blocks beyond the limit of x), see lib/lane-range.wgsl.

struct Params {
  rows: u32,    // of out
  length: u32,
  a_rows: u32,
  a_stride: u32,
  a_offset: u32,
  out_stride: u32,
  out_offset: u32,
  repeats: u32,
  step: u32,
  accumulate: u32,
  rounds: u32,  // columns of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Element>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<Element>;

// use: lane-range

fn store(i: u32, value: Element) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}

@compute @workgroup_size(64)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(group.z * groups.x + group.x, lane, params.length);
  let from_row = index[group.y];
  for (var c = range.x; c < range.y; c += 8u) {
    var value = Element();
    if (from_row < params.a_rows) { value = a[from_row * params.length + c]; }
    out[group.y * params.length + c] = value;
  }
}

@compute @workgroup_size(64)
fn collect(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(group.z * groups.x + group.x, lane, params.length);
  for (var c = range.x; c < range.y; c += 8u) {
    var sum = Element();
    for (var m = 0u; m < params.a_rows; m++) {
      if (index[m] == group.y) { sum += a[m * params.length + c]; }
    }
    store(group.y * params.length + c, sum);
  }
}

@compute @workgroup_size(64)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(group.z * groups.x + group.x, lane, params.length);
  for (var c = range.x; c < range.y; c += 8u) {
    var sum = Element();
    for (var k = 0u; k < params.repeats; k++) {
      let row = (group.y + k * params.step) % params.a_rows;
      sum += a[row * params.a_stride + params.a_offset + c];
    }
    store(group.y * params.out_stride + params.out_offset + c, sum);
  }
}

@compute @workgroup_size(64)
fn spread(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(group.z * groups.x + group.x, lane, params.length);
  for (var c = range.x; c < range.y; c += 8u) {
    var value = Element();
    if (c >= params.out_offset && c < params.out_offset + params.a_stride) {
      value = a[group.y * params.a_stride + c - params.out_offset];
    }
    out[group.y * params.length + c] = value;
  }
}
