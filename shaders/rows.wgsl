// Moves whole rows and ranges of columns. Grid everywhere: (blocks of 256 columns, rows, more blocks), see column_of.
// gather:  out (rows, length) = a[index[row]]; an index from `a_rows` on gives zeros.
// collect: its backward, out (rows, length) (+)= the sum of a[m] over all m with index[m] = row, in ascending m.
// copy:    out[row, out_offset..] (+)= sum over k < repeats of a[(row + k * step) % a_rows, a_offset..], `length` columns.
// spread:  out (rows, length) = a placed at columns out_offset.. (a_stride of them), zeros beside it.
// No FLOPs to speak of; reads and writes each value once (collect reads M indices a value, at one address for all lanes).

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
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

fn column_of(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
  return (group.z * groups.x + group.x) * 256u + lane;
}

fn store(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}

@compute @workgroup_size(256)
fn gather(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = column_of(group, groups, lane);
  if (c >= params.length) { return; }
  let from_row = index[group.y];
  var value = 0.0;
  if (from_row < params.a_rows) { value = a[from_row * params.length + c]; }
  out[group.y * params.length + c] = value;
}

@compute @workgroup_size(256)
fn collect(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = column_of(group, groups, lane);
  if (c >= params.length) { return; }
  var sum = 0.0;
  for (var m = 0u; m < params.a_rows; m++) {
    if (index[m] == group.y) { sum += a[m * params.length + c]; }
  }
  store(group.y * params.length + c, sum);
}

@compute @workgroup_size(256)
fn copy(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = column_of(group, groups, lane);
  if (c >= params.length) { return; }
  var sum = 0.0;
  for (var k = 0u; k < params.repeats; k++) {
    let row = (group.y + k * params.step) % params.a_rows;
    sum += a[row * params.a_stride + params.a_offset + c];
  }
  store(group.y * params.out_stride + params.out_offset + c, sum);
}

@compute @workgroup_size(256)
fn spread(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = column_of(group, groups, lane);
  if (c >= params.length) { return; }
  var value = 0.0;
  if (c >= params.out_offset && c < params.out_offset + params.a_stride) {
    value = a[group.y * params.a_stride + c - params.out_offset];
  }
  out[group.y * params.length + c] = value;
}
