// What the attention kernels for matrix units need beforehand.
//   transpose_bias: bias (heads, length, length) to bias_terms (heads, length, 4 quads), key by key; grid1d(its size)
//   statistics:     completes `kept` with delta, the sum(dout out) of each query, and finds the largest norms of rows of dout
//                   and v, 64 positions a workgroup; grid: (ceil(length / 64), windows * heads)
struct Params {
  // use: attention-members
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias_terms: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> qkv: array<vec4f>;
@group(0) @binding(5) var<storage, read> y: array<vec4f>;           // (tokens, C): out
@group(0) @binding(6) var<storage, read> dout: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> kept: array<vec4f>;  // (windows * heads, quads, 2): log of the sum of exp(score); delta
@group(0) @binding(8) var<storage, read_write> norms: array<vec2f>; // (windows * heads, quads / 16): of dout, of v

// use: attention-rows, workgroup-index

const LOWEST = -1.0e30;

@compute @workgroup_size(64)
fn transpose_bias(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 64u + lane;
  let query = i % (4u * params.quads);
  let key = i / (4u * params.quads) % params.length;
  let head = i / (4u * params.quads) / params.length;
  if (head >= params.heads) { return; }
  var value = 0.0;
  if (query < params.length) { value = bias[(head * params.length + query) * params.length + key]; }
  bias_terms[i] = value;
}

// of the two lanes of each position: delta, and the squared norms of dout's row and of v's
var<workgroup> sums: array<vec4f, 128>;

@compute @workgroup_size(128)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let window = group.y / params.heads;
  let first_channel = group.y % params.heads * params.head4;
  let position = group.x * 64u + lane / 2u;
  let row = row_of(window, position);
  let real = position < params.length && row < params.tokens;
  var sum = vec4f();
  for (var c = first_channel + lane % 2u; c < first_channel + params.head4; c += 2u) {
    let v = qkv[(min(row, params.tokens) * 3u + 2u) * params.channels4 + c];
    var g = vec4f();
    var o = vec4f();
    if (real) {
      g = dout[row * params.channels4 + c];
      o = y[row * params.channels4 + c];
    }
    sum += vec4f(dot(g, o), dot(g, g), dot(v, v), 0.0);
  }
  sums[lane] = sum;
  workgroupBarrier();
  if (lane < 16u) {
    let at = group.y * params.quads + 16u * group.x + lane;
    var lse = kept[2u * at];
    var delta = vec4f();
    for (var i = 0u; i < 4u; i++) {
      let other = group.x * 64u + 4u * lane + i;
      delta[i] = sums[8u * lane + 2u * i].x + sums[8u * lane + 2u * i + 1u].x;
      // queries that are padding, or beyond the window, get no gradient
      if (other >= params.length || row_of(window, other) >= params.tokens) { lse[i] = -LOWEST; }
    }
    kept[2u * at] = lse;
    kept[2u * at + 1u] = delta;
  }
  sum = sums[lane] + sums[lane ^ 1u]; // both lanes of a position have the same sums
  for (var step = 2u; step < 128u; step *= 2u) {
    workgroupBarrier();
    sums[lane] = sum;
    workgroupBarrier();
    sum = max(sum, sums[lane ^ step]);
  }
  if (lane == 0u) { norms[group.y * (params.quads / 16u) + group.x] = sqrt(sum.yz); }
}
