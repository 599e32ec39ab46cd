// Cross-entropy of the three maps of a prompt head: logits (B, N, 3) against soft targets (B, N, 3) in [0, 1] for N cells of
// each of B images; cells with a target below 0 are beyond the image and have no part in it.
//   loss = 1 / (3 B) sum over images and maps of sum(w (max(x, 0) - x t + log(1 + exp(-|x|)))) / sum(w), w = 1 + emphasis t
// All sums are in a fixed order.
// partials: a workgroup sums 4096 cells of one image, about 90 FLOPs a cell. Grid: (parts, B).
// totals: the sums of w (B, 4), the fourth unused, and the loss; one workgroup, a lane for each image and map.
// backward: dlogits, about 15 FLOPs a value. Grid: (ceil(3 N / 256), B).

struct Params {
  images: u32, // B
  cells: u32,  // N
  parts: u32,
  accumulate: u32, // backward: add to out
  emphasis: vec3f, // of each map
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>; // (B, parts, 6): the three losses, the three sums of w
@group(0) @binding(4) var<storage, read> weights: array<f32>; // (B, 4)
@group(0) @binding(5) var<storage, read> upstream: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;
@group(0) @binding(7) var<storage, read_write> weights_out: array<f32>;

// use: logistic, store-out

const PART = 4096u;

var<workgroup> lanes: array<vec3f, 256>;
var<workgroup> lanes_weight: array<vec3f, 256>;

fn entropy(x: f32, t: f32) -> f32 {
  return max(x, 0.0) - x * t + log1p_unit(exp(-abs(x)));
}

@compute @workgroup_size(256)
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let end = min(params.cells, (group.x + 1u) * PART);
  var sum = vec3f(0.0);
  var weight = vec3f(0.0);
  for (var cell = group.x * PART + lane; cell < end; cell += 256u) {
    let i = (group.y * params.cells + cell) * 3u;
    let t = vec3f(targets[i], targets[i + 1u], targets[i + 2u]);
    if (t.x < 0.0) { continue; } // skipped rather than multiplied by 0: the logits there may be anything
    let w = 1.0 + params.emphasis * t;
    sum += w * vec3f(entropy(logits[i], t.x), entropy(logits[i + 1u], t.y), entropy(logits[i + 2u], t.z));
    weight += w;
  }
  lanes[lane] = sum;
  lanes_weight[lane] = weight;
  workgroupBarrier();
  // a tree of two levels of 16: fewer barriers than a binary tree
  sum = vec3f(0.0);
  weight = vec3f(0.0);
  if (lane < 16u) {
    for (var l = 0u; l < 16u; l++) {
      sum += lanes[16u * lane + l];
      weight += lanes_weight[16u * lane + l];
    }
  }
  workgroupBarrier();
  if (lane < 16u) {
    lanes[lane] = sum;
    lanes_weight[lane] = weight;
  }
  workgroupBarrier();
  if (lane != 0u) { return; }
  sum = vec3f(0.0);
  weight = vec3f(0.0);
  for (var l = 0u; l < 16u; l++) {
    sum += lanes[l];
    weight += lanes_weight[l];
  }
  let base = (group.y * params.parts + group.x) * 6u;
  for (var map = 0u; map < 3u; map++) {
    out[base + map] = sum[map];
    out[base + 3u + map] = weight[map];
  }
}

fn sum_parts(image: u32, value: u32) -> f32 {
  var total = 0.0;
  for (var part = 0u; part < params.parts; part++) { total += parts[(image * params.parts + part) * 6u + value]; }
  return total;
}

@compute @workgroup_size(256)
fn totals(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.images * 3u; i += 256u) {
    let image = i / 3u;
    let map = i % 3u;
    let weight = sum_parts(image, 3u + map);
    weights_out[image * 4u + map] = weight;
    // an image without cells has no loss
    if (weight > 0.0) { sum += sum_parts(image, map) / weight; }
  }
  lanes[lane].x = sum;
  workgroupBarrier();
  if (lane != 0u) { return; }
  sum = 0.0;
  for (var l = 0u; l < 256u; l++) { sum += lanes[l].x; }
  out[0] = sum / (3.0 * f32(params.images));
}

@compute @workgroup_size(256)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let value = group.x * 256u + lane;
  if (value >= params.cells * 3u) { return; }
  let map = value % 3u;
  let i = group.y * params.cells * 3u + value;
  let t = targets[i];
  var gradient = 0.0;
  if (t >= 0.0) {
    let share = upstream[0] / (3.0 * f32(params.images) * weights[group.y * 4u + map]);
    gradient = share * (1.0 + params.emphasis[map] * t) * (sigmoid(logits[i]) - t);
  }
  store(i, gradient);
}
