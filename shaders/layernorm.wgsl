// LayerNorm over the last dimension of x (rows, C): y = act((x - mean) * rstd * gamma + beta), with the biased variance.
// All rows are read as vec4. A workgroup of 256 lanes handles 256 / lanes rows, with `lanes` (a power of two) neighbouring
// lanes on each. Each lane adds up the partial results of its row itself: one barrier a sum, and no tree.
// Grid: grid1d(rows [+ 1 if pad], 256 / lanes).
// forward:  y (rows [+ 1 if pad]), and stats (rows, 2) = mean, rstd if `keep`. Two passes, so that large means lose no digits.
// backward: dx (+)= rstd * (h - mean(h) - n * mean(h n)), with h = act'(.) dy gamma and n = (x - mean) * rstd.
// weight_partials: the sums of a chunk of rows, four columns a lane; weight_gradients adds up the chunks in order.
// With the constant `measured`, forward and backward also store the largest magnitude of what each workgroup wrote, in the form of
// operand-scale.wgsl, for products that will read it.
// FLOPs: about 8 a value forward, 11 backward. forward reads x three times, backward reads x and dy twice; each writes once.

alias Element = vec4f;

struct Params {
  rows: u32,
  columns: u32,    // C / 4
  lanes: u32,
  pad: u32,        // an additional last row of y: 0 none, 1 zeros, 2 beta
  activation: u32, // 0 none, 1 exact GELU
  keep: u32,       // whether stats are written
  accumulate: u32, // bit 0: add to dx or dgamma, bit 1: add to dbeta
  chunk: u32,      // weight_partials: rows of a chunk; weight_gradients: the number of chunks
  eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(3) var<storage, read> beta: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> stats_out: array<vec2f>;
@group(0) @binding(6) var<storage, read> stats: array<vec2f>;
@group(0) @binding(7) var<storage, read> dy: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> partials_out: array<vec4f>;
@group(0) @binding(10) var<storage, read> partials: array<vec4f>;
@group(0) @binding(11) var<storage, read_write> dgamma: array<vec4f>;
@group(0) @binding(12) var<storage, read_write> dbeta: array<vec4f>;
@group(0) @binding(13) var<storage, read_write> largest: array<u32>;
override measured = false;

// use: gelu, gelu-slope, workgroup-index

var<workgroup> first: array<f32, 256>;
var<workgroup> second: array<f32, 256>;
var<workgroup> tops: array<u32, 256>;

// the larger magnitudes, as bits without their sign
fn magnitude(top: vec4u, v: vec4f) -> vec4u { return max(top, bitcast<vec4u>(v) & vec4u(0x7fffffffu)); }

fn store_largest(group: u32, lane: u32, top: vec4u) {
  if (!measured) { return; }
  tops[lane] = max(max(top.x, top.y), max(top.z, top.w));
  workgroupBarrier();
  for (var width = 128u; width > 0u; width /= 2u) {
    if (lane < width) { tops[lane] = max(tops[lane], tops[lane + width]); }
    workgroupBarrier();
  }
  if (lane == 0u) { largest[group] = tops[0]; }
}

fn activate(v: vec4f) -> vec4f {
  if (params.activation == 0u) { return v; }
  return gelu(v);
}

fn slope(v: vec4f) -> vec4f {
  if (params.activation == 0u) { return vec4(1.0); }
  return gelu_slope(v);
}

@compute @workgroup_size(256)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(group, groups) * (256u / params.lanes) + lane / params.lanes;
  let member = lane % params.lanes;
  let start = lane - member;
  let base = row * params.columns;
  let inside = row < params.rows;
  let end = select(0u, params.columns, inside);
  let size = f32(params.columns) * 4.0;

  var sum = vec4(0.0);
  for (var c = member; c < end; c += params.lanes) { sum += x[base + c]; }
  first[lane] = dot(sum, vec4(1.0));
  workgroupBarrier();
  var mean = 0.0;
  for (var i = 0u; i < params.lanes; i++) { mean += first[start + i]; }
  mean /= size;

  var squares = vec4(0.0);
  for (var c = member; c < end; c += params.lanes) {
    let d = x[base + c] - mean;
    squares = fma(d, d, squares);
  }
  second[lane] = dot(squares, vec4(1.0));
  workgroupBarrier();
  var variance = 0.0;
  for (var i = 0u; i < params.lanes; i++) { variance += second[start + i]; }
  let rstd = 1.0 / sqrt(variance / size + params.eps);

  if (params.keep != 0u && inside && member == 0u) { stats_out[row] = vec2(mean, rstd); }
  var top = vec4u();
  for (var c = member; c < end; c += params.lanes) {
    let v = activate(fma((x[base + c] - mean) * rstd, gamma[c], beta[c]));
    y[base + c] = v;
    top = magnitude(top, v);
  }
  if (params.pad != 0u && row == params.rows) {
    for (var c = member; c < params.columns; c += params.lanes) {
      let v = select(vec4(0.0), beta[c], params.pad == 2u);
      y[base + c] = v;
      top = magnitude(top, v);
    }
  }
  store_largest(workgroup_index(group, groups), lane, top);
}

// the gradient of n gamma + beta: dy through the activation; n is the normalised x
fn before(at: u32, c: u32, n: vec4f) -> vec4f {
  if (params.activation == 0u) { return dy[at]; }
  return dy[at] * slope(fma(n, gamma[c], beta[c]));
}

@compute @workgroup_size(256)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_index(group, groups) * (256u / params.lanes) + lane / params.lanes;
  let member = lane % params.lanes;
  let start = lane - member;
  let base = row * params.columns;
  let inside = row < params.rows;
  let end = select(0u, params.columns, inside);
  let size = f32(params.columns) * 4.0;
  let stat = stats[min(row, params.rows - 1u)];

  var sum = vec4(0.0);
  var product = vec4(0.0);
  for (var c = member; c < end; c += params.lanes) {
    let n = (x[base + c] - stat.x) * stat.y;
    let h = before(base + c, c, n) * gamma[c];
    sum += h;
    product = fma(h, n, product);
  }
  first[lane] = dot(sum, vec4(1.0));
  second[lane] = dot(product, vec4(1.0));
  workgroupBarrier();
  var h_mean = 0.0;
  var hn_mean = 0.0;
  for (var i = 0u; i < params.lanes; i++) {
    h_mean += first[start + i];
    hn_mean += second[start + i];
  }
  h_mean /= size;
  hn_mean /= size;

  var top = vec4u();
  for (var c = member; c < end; c += params.lanes) {
    let at = base + c;
    let n = (x[at] - stat.x) * stat.y;
    let h = before(at, c, n) * gamma[c];
    var d = stat.y * (h - h_mean - n * hn_mean);
    if (params.accumulate != 0u) { d += dx[at]; }
    dx[at] = d;
    top = magnitude(top, d);
  }
  store_largest(workgroup_index(group, groups), lane, top);
}

// partials (chunks, columns, 2): dgamma, dbeta. Grid: (ceil(columns / 64), chunks)
@compute @workgroup_size(64)
fn weight_partials(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = group.x * 64u + lane;
  if (c >= params.columns) { return; }
  let from_row = group.y * params.chunk;
  let to_row = min(from_row + params.chunk, params.rows);
  var by_n = vec4(0.0);
  var sum = vec4(0.0);
  for (var row = from_row; row < to_row; row++) {
    let at = row * params.columns + c;
    let stat = stats[row];
    let n = (x[at] - stat.x) * stat.y;
    let h = before(at, c, n);
    by_n = fma(h, n, by_n);
    sum += h;
  }
  let at = (group.y * params.columns + c) * 2u;
  partials_out[at] = by_n;
  partials_out[at + 1u] = sum;
}

// An additional row of beta passes its gradient to beta. Grid: (ceil(columns / 64)).
@compute @workgroup_size(64)
fn weight_gradients(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = group.x * 64u + lane;
  if (c >= params.columns) { return; }
  var by_n = vec4(0.0);
  var sum = vec4(0.0);
  for (var i = 0u; i < params.chunk; i++) {
    by_n += partials[(i * params.columns + c) * 2u];
    sum += partials[(i * params.columns + c) * 2u + 1u];
  }
  if (params.pad == 2u) { sum += dy[params.rows * params.columns + c]; }
  if ((params.accumulate & 1u) != 0u) { by_n += dgamma[c]; }
  if ((params.accumulate & 2u) != 0u) { sum += dbeta[c]; }
  dgamma[c] = by_n;
  dbeta[c] = sum;
}
