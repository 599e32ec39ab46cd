// The number of non-finite values and the sum of squares of the others, in two stages and a fixed order. Whether a value is
// finite is read from its bits (an exponent of all ones means it is not), because a shader compiler may assume that no NaN
// exists and drop `x != x`. 3 FLOPs an element, read once.
// partials: workgroup w sums x (count) in strides; its two sums go to sums[first + w]. Grid: any number of workgroups.
// totals: one workgroup adds `count` partial sums into sums[0].

struct Params {
  count: u32,
  first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bits: array<u32>;          // of x
@group(0) @binding(2) var<storage, read> parts: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec2f>;

var<workgroup> lanes: array<vec2f, 256>;

// the sum over all lanes, by a tree of two levels of 16: fewer barriers than a binary tree
fn sum_lanes(lane: u32, value: vec2f) -> vec2f {
  lanes[lane] = value;
  workgroupBarrier();
  var sum = vec2f(0.0);
  if (lane < 16u) {
    for (var i = 0u; i < 16u; i++) { sum += lanes[16u * lane + i]; }
  }
  workgroupBarrier();
  if (lane < 16u) { lanes[lane] = sum; }
  workgroupBarrier();
  sum = vec2f(0.0);
  for (var i = 0u; i < 16u; i++) { sum += lanes[i]; }
  return sum;
}

@compute @workgroup_size(256)
fn partials(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var sum = vec2f(0.0);
  for (var i = group.x * 256u + lane; i < params.count; i += groups.x * 256u) {
    let word = bits[i];
    if ((word & 0x7f800000u) == 0x7f800000u) {
      sum.x += 1.0;
    } else {
      let x = bitcast<f32>(word);
      sum.y = fma(x, x, sum.y);
    }
  }
  let total = sum_lanes(lane, sum);
  if (lane == 0u) { sums[params.first + group.x] = total; }
}

@compute @workgroup_size(256)
fn totals(@builtin(local_invocation_index) lane: u32) {
  var sum = vec2f(0.0);
  for (var i = lane; i < params.count; i += 256u) { sum += parts[i]; }
  let total = sum_lanes(lane, sum);
  if (lane == 0u) { sums[0] = total; }
}
