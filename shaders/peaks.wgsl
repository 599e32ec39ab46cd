// The rates of plain copies and plain arithmetic, against which `wgsam bench` compares the other kernels.
// copy: y = x, `count` vec4; moves 32 bytes each, no FLOPs. Grid: grid1d(count, 64 * rounds), see lib/lane-range.wgsl.
// multiply_add: eight independent chains of vec4 in each lane, `count` steps of 64 FLOPs. The sum is stored so that the compiler
//   cannot drop anything; y has 256 floats for each workgroup. Grid: any number of workgroups.

struct Params {
  count: u32,
  factor: f32,
  rounds: u32, // copy: vec4 of a lane
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

// use: lane-range, workgroup-index

@compute @workgroup_size(64)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let range = lane_range(workgroup_index(group, groups), lane, params.count);
  for (var i = range.x; i < range.y; i += 8u) { y[i] = x[i]; }
}

@compute @workgroup_size(256)
fn multiply_add(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let f = vec4f(params.factor);
  // each chain starts at another value, or a compiler could compute one for all
  var a = vec4f(f32(lane));
  var b = a + 1.0;
  var c = a + 2.0;
  var d = a + 3.0;
  var e = a + 4.0;
  var g = a + 5.0;
  var h = a + 6.0;
  var k = a + 7.0;
  for (var i = 0u; i < params.count; i++) {
    a = fma(a, f, f);
    b = fma(b, f, f);
    c = fma(c, f, f);
    d = fma(d, f, f);
    e = fma(e, f, f);
    g = fma(g, f, f);
    h = fma(h, f, f);
    k = fma(k, f, f);
  }
  let sum = a + b + c + d + e + g + h + k;
  sums[group.x * 256u + lane] = sum.x + sum.y + sum.z + sum.w;
}
