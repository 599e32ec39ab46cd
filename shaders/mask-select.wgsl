// Which masks of a decoder's pass go on, and where they are. Whole numbers, so the results are exact; no atomics.
//
// select: the places p 4 + t (t from 1 to 3) of iou (P, 4) above the threshold, in order: list[0] their number, list[1..]
//   they. One workgroup, by prefix sums over 256 places at a time. Grid: 1.
// window: per place in the list the smallest part of its logits (P, 4, side side) that holds all above `lowest`:
//   found[0] the number of places, then eight words a place from found[8]: place, x0, y0, x1, y1 (inclusive; x1 < x0 where
//   there is none), the IoU's bits, 0, 0. Reads side^2 floats a place. Grid: at least as many workgroups as places.

struct Params {
  masks: u32, // P 3
  side: u32,
  all: u32, // 1: whatever the IoU
  threshold: f32,
  lowest: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> iou: array<f32>;
@group(0) @binding(2) var<storage, read_write> list: array<u32>;
@group(0) @binding(3) var<storage, read> places: array<u32>; // `list` of select
@group(0) @binding(4) var<storage, read> logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> found: array<u32>;

var<workgroup> sums: array<u32, 256>;
var<workgroup> corners: array<vec4u, 256>;

@compute @workgroup_size(256)
fn select(@builtin(local_invocation_index) lane: u32) {
  var total = 0u;
  for (var start = 0u; start < params.masks; start += 256u) {
    let i = start + lane;
    let place = i / 3u * 4u + i % 3u + 1u;
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
    if (chosen == 1u) { list[total + sums[lane]] = place; } // sums counts this place, so the first is at 1
    total += sums[255];
    workgroupBarrier();
  }
  if (lane == 0u) { list[0] = total; }
}

@compute @workgroup_size(256)
fn window(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let count = places[0];
  if (group.x == 0u && lane == 0u) { found[0] = count; }
  if (group.x >= count) { return; }
  let place = places[1u + group.x];
  let pixels = params.side * params.side;
  let base = place * pixels;
  var box = vec4u(params.side, params.side, 0u, 0u); // right and bottom exclusive
  for (var i = lane; i < pixels; i += 256u) {
    if (logits[base + i] > params.lowest) {
      let at = vec2u(i % params.side, i / params.side);
      box = vec4u(min(box.xy, at), max(box.zw, at + 1u));
    }
  }
  corners[lane] = box;
  for (var step = 128u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) {
      let other = corners[lane + step];
      corners[lane] = vec4u(min(corners[lane].xy, other.xy), max(corners[lane].zw, other.zw));
    }
  }
  if (lane == 0u) {
    let at = 8u + 8u * group.x;
    let all = corners[0];
    found[at] = place;
    if (all.z == 0u) {
      found[at + 1u] = 1u;
      found[at + 2u] = 1u;
      found[at + 3u] = 0u;
      found[at + 4u] = 0u;
    } else {
      found[at + 1u] = all.x;
      found[at + 2u] = all.y;
      found[at + 3u] = all.z - 1u;
      found[at + 4u] = all.w - 1u;
    }
    found[at + 5u] = bitcast<u32>(iou[place]);
    found[at + 6u] = 0u;
    found[at + 7u] = 0u;
  }
}
