// What `wgsam bench` measures the other kernels against: the rate of plain copies and of plain arithmetic.
// copy: y = x, `count` vec4 each; moves 32 bytes an element, no FLOPs. Eight lanes share a run of 8 * rounds elements;
// grid: grid1d(count, 64 * rounds).
// multiply_add: eight independent chains of vec4 a lane, `count` rounds: 64 FLOPs a round and lane; the sum is stored so
// that nothing can be left out. Grid: any number of workgroups; y has 256 floats for each.

struct Params {
  count: u32,
  factor: f32,
  rounds: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

// where a lane begins, and the end of the run that eight lanes share (engine/graph/lane-rounds.ts)
fn run_of(part: u32, lane: u32, count: u32) -> vec2u {
  let size = 8u * params.rounds;
  let first = (part * 8u + lane / 8u) * size;
  return vec2u(first + lane % 8u, min(first + size, count));
}

@compute @workgroup_size(64)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let run = run_of(group.y * groups.x + group.x, lane, params.count);
  for (var i = run.x; i < run.y; i += 8u) { y[i] = x[i]; }
}

@compute @workgroup_size(256)
fn multiply_add(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let f = vec4f(params.factor);
  // each chain begins elsewhere, or they could be computed once
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
