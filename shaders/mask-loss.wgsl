// Dice and BCE losses of mask logits (P, T, N) against targets (P, N) in [0, 1], p = sigmoid(logit), t the target:
//   dice = 1 - (2 sum(p t) + smooth) / U, U = sum(p) + sum(t) + smooth;  bce = mean(w (max(x, 0) - x t + log(1 + exp(-|x|))))
// where w are the weights of pixels (P, N), of mean 1, or 1.
// The statistics of a mask (P, T, 4) are dice, bce, the IoU of (logit > 0) and (target > 0.5), and U. All sums are in a fixed
// order.
// partials: a workgroup sums 4096 pixels of one mask, about 40 FLOPs a pixel. Grid: (parts, P T).
// statistics: adds up the parts of a mask; one workgroup a mask. Grid: (P T).
// select_weights: weights (P, T) from flags (P), see `choose`; one workgroup.
// loss: sum over masks of weight (dice_factor dice + bce_factor bce); one workgroup.
// backward: dlogits, about 20 FLOPs a pixel; the logits of masks of weight 0 are not read. Grid: (ceil(N / 1024), P T).

struct Params {
  prompts: u32,    // P
  masks: u32,      // T, masks of a prompt
  pixels: u32,     // N
  parts: u32,
  accumulate: u32, // backward: add to out
  smooth_by: f32,
  dice_factor: f32,
  bce_factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;
@group(0) @binding(3) var<storage, read> parts: array<f32>;         // (P T, parts, VALUES)
@group(0) @binding(4) var<storage, read> per_mask: array<vec4f>; // the statistics
@group(0) @binding(5) var<storage, read> weights: array<f32>;
@group(0) @binding(6) var<storage, read> upstream: array<f32>;
@group(0) @binding(7) var<storage, read> flags: array<u32>;
@group(0) @binding(8) var<storage, read_write> out: array<f32>;
@group(0) @binding(9) var<storage, read_write> statistics_out: array<vec4f>;
@group(0) @binding(10) var<storage, read> pixel_weights: array<f32>; // (P, N), if weighted

override weighted = false;

// use: logistic, store-out

const PART = 4096u; // pixels of a workgroup, in partials
const SPAN = 1024u; // in backward
const VALUES = 6u; // p t, p, t, bce, pixels of the intersection, of the union

var<workgroup> lanes: array<vec4f, 256>;
var<workgroup> lanes_iou: array<vec2f, 256>;

@compute @workgroup_size(256)
fn partials(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let mask = group.y;
  let end = min(params.pixels, (group.x + 1u) * PART);
  let target_base = (mask / params.masks) * params.pixels;
  var sum = vec4f(0.0);
  var iou = vec2f(0.0);
  for (var i = group.x * PART + lane; i < end; i += 256u) {
    let x = logits[mask * params.pixels + i];
    let t = targets[target_base + i];
    let p = sigmoid(x);
    var entropy = max(x, 0.0) - x * t + log1p_unit(exp(-abs(x)));
    if (weighted) { entropy *= pixel_weights[target_base + i]; }
    sum += vec4f(p * t, p, t, entropy);
    let inside = x > 0.0;
    let wanted = t > 0.5;
    iou += vec2f(select(0.0, 1.0, inside && wanted), select(0.0, 1.0, inside || wanted));
  }
  lanes[lane] = sum;
  lanes_iou[lane] = iou;
  workgroupBarrier();
  // a tree of two levels of 16: fewer barriers than a binary tree
  sum = vec4f(0.0);
  iou = vec2f(0.0);
  if (lane < 16u) {
    for (var l = 0u; l < 16u; l++) {
      sum += lanes[16u * lane + l];
      iou += lanes_iou[16u * lane + l];
    }
  }
  workgroupBarrier();
  if (lane < 16u) {
    lanes[lane] = sum;
    lanes_iou[lane] = iou;
  }
  workgroupBarrier();
  if (lane != 0u) { return; }
  sum = vec4f(0.0);
  iou = vec2f(0.0);
  for (var l = 0u; l < 16u; l++) {
    sum += lanes[l];
    iou += lanes_iou[l];
  }
  let base = (mask * params.parts + group.x) * VALUES;
  out[base] = sum.x;
  out[base + 1u] = sum.y;
  out[base + 2u] = sum.z;
  out[base + 3u] = sum.w;
  out[base + 4u] = iou.x;
  out[base + 5u] = iou.y;
}

@compute @workgroup_size(64)
fn statistics(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let mask = group.x;
  // eight lanes a sum, each of every eighth part, so that errors grow with an eighth of their number
  let value = lane / 8u;
  var sum = 0.0;
  if (value < VALUES) {
    for (var i = lane % 8u; i < params.parts; i += 8u) { sum += parts[(mask * params.parts + i) * VALUES + value]; }
  }
  lanes[lane].x = sum;
  workgroupBarrier();
  if (lane != 0u) { return; }
  let both = sum_of(0u);
  let areas = sum_of(1u) + sum_of(2u);
  let bce = sum_of(3u) / f32(params.pixels);
  let shared_pixels = sum_of(4u);
  let all_pixels = sum_of(5u);
  // the IoU of two empty masks is 1
  let iou = select(1.0, shared_pixels / all_pixels, all_pixels > 0.0);
  let u = areas + params.smooth_by;
  statistics_out[mask] = vec4f((areas - 2.0 * both) / u, bce, iou, u);
}

fn sum_of(value: u32) -> f32 {
  var total = 0.0;
  for (var l = 0u; l < 8u; l++) { total += lanes[value * 8u + l].x; }
  return total;
}

// The sum of lanes[l].x over all 256 lanes: two levels of 16. All lanes of the workgroup call it.
fn sum_of_lanes(lane: u32) -> f32 {
  workgroupBarrier();
  var sum = 0.0;
  if (lane < 16u) {
    for (var l = 0u; l < 16u; l++) { sum += lanes[16u * lane + l].x; }
    lanes[16u * lane].y = sum;
  }
  workgroupBarrier();
  sum = 0.0;
  for (var l = 0u; l < 16u; l++) { sum += lanes[16u * l].y; }
  return sum;
}

fn cost(mask: u32) -> f32 {
  return params.dice_factor * per_mask[mask].x + params.bce_factor * per_mask[mask].y;
}

// Whether mask `m` of prompt `p` is trained. Flags: 0 no mask (the prompt is absent), 1 mask 0, 2 mask 0 and the other one of
// least cost, 3 all.
fn choose(p: u32, m: u32) -> bool {
  let flag = flags[p];
  if (flag == 0u) { return false; }
  if (flag >= 3u || m == 0u) { return true; }
  if (flag == 1u) { return false; }
  var best = 1u;
  for (var other = 2u; other < params.masks; other++) {
    if (cost(p * params.masks + other) < cost(p * params.masks + best)) { best = other; }
  }
  return m == best;
}

@compute @workgroup_size(256)
fn select_weights(@builtin(local_invocation_index) lane: u32) {
  var live = 0.0;
  for (var p = lane; p < params.prompts; p += 256u) { live += select(0.0, 1.0, flags[p] != 0u); }
  lanes[lane].x = live;
  live = sum_of_lanes(lane);
  for (var i = lane; i < params.prompts * params.masks; i += 256u) {
    out[i] = select(0.0, 1.0 / max(live, 1.0), choose(i / params.masks, i % params.masks));
  }
}

@compute @workgroup_size(256)
fn loss(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.prompts * params.masks; i += 256u) {
    // skipped rather than multiplied by 0: masks of weight 0 may have NaN
    if (weights[i] != 0.0) { sum = fma(weights[i], cost(i), sum); }
  }
  lanes[lane].x = sum;
  sum = sum_of_lanes(lane);
  if (lane == 0u) { out[0] = sum; }
}

@compute @workgroup_size(256)
fn backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let mask = group.y;
  let weight = weights[mask];
  let values = per_mask[mask];
  let dice_by = upstream[0] * weight * params.dice_factor / values.w;
  let bce_by = upstream[0] * weight * params.bce_factor / f32(params.pixels);
  let end = min(params.pixels, (group.x + 1u) * SPAN);
  let target_base = (mask / params.masks) * params.pixels;
  for (var pixel = group.x * SPAN + lane; pixel < end; pixel += 256u) {
    let i = mask * params.pixels + pixel;
    var gradient = 0.0;
    if (weight != 0.0) {
      let p = sigmoid(logits[i]);
      let t = targets[target_base + pixel];
      var bce = bce_by * (p - t);
      if (weighted) { bce *= pixel_weights[target_base + pixel]; }
      gradient = fma(dice_by, p * sigmoid(-logits[i]) * (1.0 - values.x - 2.0 * t), bce);
    }
    store(i, gradient);
  }
}
