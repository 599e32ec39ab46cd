// Which masks of a decoder pass are kept, and which part of their logits. Integers, so the results are exact; no atomics.
//
// select: lists the places p 4 + t (t from `first`, `tokens` of them) of iou (P, 4) that are above the threshold, in ascending
//   order: list[0] is their number, list[1..] are the places. One workgroup, by prefix sums over 256 places at a time. Rounds (mask-rounds.wgsl)
//   then begin at the place `begin`. Grid: 1.
// window: for each listed place the smallest box of its logits (P, 4, side, side) that holds all above `lowest`. found[0] is
//   the number of places; from found[8] on there are eight words a place: place, x0, y0, x1, y1 (inclusive; x1 < x0 if there is
//   none), the IoU's bits, 0, 0. Reads side^2 floats a place. Grid: at least as many workgroups as places.

struct Params {
  masks: u32, // P times tokens
  first: u32,
  tokens: u32,
  side: u32,
  all: u32, // 1: all places, whatever their IoU
  threshold: f32,
  lowest: f32,
  begin: u32, // the first place that is not done yet
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> iou: array<f32>;
@group(0) @binding(2) var<storage, read_write> list: array<u32>;
@group(0) @binding(3) var<storage, read> places: array<u32>; // `list`, written by select
@group(0) @binding(4) var<storage, read> logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> found: array<u32>;
@group(0) @binding(6) var<storage, read_write> state: array<u32>; // of the rounds, see mask-rounds.wgsl

// use: box

var<workgroup> sums: array<u32, 256>;
var<workgroup> corners: array<vec4u, 256>;

@compute @workgroup_size(256)
fn select(@builtin(local_invocation_index) lane: u32) {
  var total = 0u;
  for (var start = 0u; start < params.masks; start += 256u) {
    let i = start + lane;
    let place = i / params.tokens * 4u + i % params.tokens + params.first;
    var chosen = 0u;
    if (i < params.masks) {
      if (params.all == 1u || iou[place] > params.threshold) { chosen = 1u; }
    }
    sums[lane] = chosen;
    workgroupBarrier();
    for (var step = 1u; step < 256u; step *= 2u) {
      var before = 0u;
      if (lane >= step) { before = sums[lane - step]; }
      workgroupBarrier();
      sums[lane] += before;
      workgroupBarrier();
    }
    if (chosen == 1u) { list[total + sums[lane]] = place; } // the sum counts this place, so the first is at 1
    total += sums[255];
    workgroupBarrier();
  }
  if (lane == 0u) {
    list[0] = total;
    state[0] = params.begin;
  }
}

@compute @workgroup_size(256)
fn window(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let count = places[0];
  if (group.x == 0u && lane == 0u) { found[0] = count; }
  if (group.x >= count) { return; }
  let place = places[1u + group.x];
  let pixels = params.side * params.side;
  let base = place * pixels;
  var box = vec4u(params.side, params.side, 0u, 0u);
  for (var i = lane; i < pixels; i += 256u) {
    if (logits[base + i] > params.lowest) {
      let at = vec2u(i % params.side, i / params.side);
      box = join(box, vec4u(at, at + 1u));
    }
  }
  corners[lane] = box;
  for (var step = 128u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) {
      corners[lane] = join(corners[lane], corners[lane + step]);
    }
  }
  if (lane == 0u) {
    let at = 8u + 8u * group.x;
    let bounds = inclusive(corners[0]);
    found[at] = place;
    found[at + 1u] = bounds.x;
    found[at + 2u] = bounds.y;
    found[at + 3u] = bounds.z;
    found[at + 4u] = bounds.w;
    found[at + 5u] = bitcast<u32>(iou[place]);
    found[at + 6u] = 0u;
    found[at + 7u] = 0u;
  }
}
