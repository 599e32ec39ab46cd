// The masks of a decoder pass that are kept, in rounds of bounded memory, without a word from the host: which masks a round computes,
// and what of them goes back. Integers, so the results are exact; no atomics. Of plan and accept each is one workgroup.
//
// plan: takes the places after those of earlier rounds, in order, as long as the words that their masks may occupy, and those
//   that would go back of them, fit. Writes a job for each (mask-bits.wgsl computes it), and the state of the round.
// accept: after mask-bits, for each job an entry of 16 words in `out`: the place, the bits of its predicted IoU, the pixels above the
//   upper, the lower and the middle threshold, the box of the last (x0, y0, x1, y1), the window of logits (x0, y0, width, height),
//   and where in `out` its bits and its logits start. Nothing of a mask goes back that is empty, or clearly less stable than asked.
// pack: copies the bits and the logits of the accepted to `out`. A lane copies words at a distance of the number of lanes.
//
// found (mask-select.wgsl): the number of places, and from word 8 on eight words a place. state: next place, jobs, words of the jobs,
// words of `out`. out: jobs, places, next place, words; from word 16 on the entries.

struct Params {
  masks: u32, // places, at most
  side: u32,
  keep: u32, // 1: logits go back too
  margin: u32, // cells around a window that go back with it
  chunk: u32, // words of jobs, at most
  room: u32, // words of `out`, at most
  all: u32, // 1: masks of any stability go back
  stability: f32, // masks that are clearly less stable do not
}

struct Job {
  plane: u32,
  start: u32,
  column: u32,
  columns: u32,
  row: u32,
  rows: u32,
}

struct Part {
  start: u32, // first word in `out`
  columns: u32,
  first: u32, // first word in the source
  stride: u32, // words from row to row in the source
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> found: array<u32>;
// for each of the columns, then the rows of logits: the first pixel of the input's valid part, and of the image, that interpolates
// it or one after it (x, z), and one past the last that interpolates it or one before it (y, w)
@group(0) @binding(2) var<storage, read> reach: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> state: array<u32>;
@group(0) @binding(4) var<storage, read_write> jobs: array<Job>;
@group(0) @binding(5) var<storage, read> measures: array<u32>;
@group(0) @binding(6) var<storage, read_write> parts: array<Part>; // two a job: bits, logits
@group(0) @binding(7) var<storage, read_write> out: array<u32>;
@group(0) @binding(8) var<storage, read> placed: array<Part>; // `parts`, written by accept
@group(0) @binding(9) var<storage, read> bits: array<u32>;
@group(0) @binding(10) var<storage, read> logits: array<u32>;

// use: workgroup-index

const HEAD = 16u;
const ENTRY = 16u;
const NONE = 0xffffffffu;

var<workgroup> sizes: array<vec2u, 256>;
var<workgroup> starts: array<vec2u, 256>;
// of the blocks so far: jobs, words, words of `out`, next place
var<workgroup> totals: vec4u;
var<workgroup> full: u32;

// the box of logits, with its margin, that goes back: x, y, width, height
fn window_of(place: u32) -> vec4u {
  let at = 8u + 8u * place;
  let low = vec2u(found[at + 1u], found[at + 2u]);
  let high = vec2u(found[at + 3u], found[at + 4u]);
  let first = max(low, vec2u(params.margin)) - params.margin;
  return vec4u(first, min(vec2u(params.side - 1u), high + params.margin) - first + 1u);
}

@compute @workgroup_size(256)
fn plan(@builtin(local_invocation_index) lane: u32) {
  let count = found[0];
  let begun = state[0];
  if (lane == 0u) {
    totals = vec4u(0u, 0u, HEAD + ENTRY * params.masks, begun);
    full = 0u;
  }
  for (var base = 0u; base < params.masks; base += 256u) {
    let place = base + lane;
    var job = Job();
    var room = 0u;
    if (place >= begun && place < count) {
      let at = 8u + 8u * place;
      job.plane = found[at];
      let x0 = found[at + 1u];
      let y0 = found[at + 2u];
      let x1 = found[at + 3u];
      let y1 = found[at + 4u];
      if (x1 >= x0) {
        let left = reach[x0];
        let right = reach[x1];
        let top = reach[params.side + y0];
        let bottom = reach[params.side + y1];
        if (left.x < right.y && top.x < bottom.y && left.z < right.w && top.z < bottom.w) {
          job.column = left.z / 32u;
          job.columns = (right.w - 1u) / 32u - job.column + 1u;
          job.row = top.z;
          job.rows = bottom.w - top.z;
          let window = window_of(place);
          room = job.columns * job.rows + params.keep * window.z * window.w;
        }
      }
    }
    workgroupBarrier();
    sizes[lane] = vec2u(job.columns * job.rows, room);
    workgroupBarrier();
    if (lane == 0u) {
      for (var i = 0u; i < 256u; i++) {
        starts[i] = vec2u(NONE);
        if (base + i < begun || base + i >= count || full == 1u) { continue; }
        let size = sizes[i];
        // a round has at least one job, which fits
        if (totals.x > 0u && (totals.y + size.x > params.chunk || totals.z + size.y > params.room)) {
          full = 1u;
          continue;
        }
        starts[i] = totals.xy;
        totals += vec4u(1u, size.x, size.y, 1u);
      }
    }
    workgroupBarrier();
    let mine = starts[lane];
    if (mine.x != NONE) {
      job.start = mine.y;
      jobs[mine.x] = job;
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    out[0] = totals.x;
    out[1] = count;
    out[2] = totals.w;
    state[0] = totals.w;
    state[1] = totals.x;
    state[2] = totals.y;
  }
}

@compute @workgroup_size(256)
fn accept(@builtin(local_invocation_index) lane: u32) {
  let count = state[1];
  let begun = state[0] - count;
  if (lane == 0u) { totals = vec4u(0u, 0u, HEAD + ENTRY * params.masks, 0u); }
  for (var base = 0u; base < params.masks; base += 256u) {
    let index = base + lane;
    let own = index < count;
    var job = Job();
    var window = vec4u(0u);
    var box = vec4u(0u);
    var counts = vec3u(0u);
    var size = vec2u(0u);
    var columns = 0u;
    if (own) {
      job = jobs[index];
      if (job.columns > 0u) {
        let at = 8u * index;
        counts = vec3u(measures[at], measures[at + 1u], measures[at + 2u]);
        box = vec4u(measures[at + 3u], measures[at + 4u], measures[at + 5u], measures[at + 6u]);
        window = window_of(begun + index);
        // the host decides by the exact quotient
        if (counts.z > 0u && (params.all == 1u || f32(counts.x) >= f32(counts.y) * params.stability)) {
          columns = box.z / 32u - box.x / 32u + 1u;
          size = vec2u(columns * (box.w - box.y + 1u), params.keep * window.z * window.w);
        }
      }
    }
    workgroupBarrier();
    sizes[lane] = size;
    workgroupBarrier();
    if (lane == 0u) {
      for (var i = 0u; i < 256u; i++) {
        starts[i] = vec2u(totals.z, totals.z + sizes[i].x);
        totals.z += sizes[i].x + sizes[i].y;
      }
    }
    workgroupBarrier();
    if (own) {
      let mine = starts[lane];
      let place = 8u + 8u * (begun + index);
      let at = HEAD + ENTRY * index;
      out[at] = job.plane;
      out[at + 1u] = found[place + 5u];
      out[at + 2u] = counts.x;
      out[at + 3u] = counts.y;
      out[at + 4u] = counts.z;
      out[at + 5u] = box.x;
      out[at + 6u] = box.y;
      out[at + 7u] = box.z;
      out[at + 8u] = box.w;
      out[at + 9u] = window.x;
      out[at + 10u] = window.y;
      out[at + 11u] = window.z;
      out[at + 12u] = window.w;
      out[at + 13u] = mine.x;
      out[at + 14u] = mine.y;
      out[at + 15u] = size.x;
      let first = job.start + (box.y - job.row) * job.columns + box.x / 32u - job.column;
      parts[2u * index] = Part(mine.x, max(columns, 1u), first, job.columns);
      let plane = job.plane * params.side * params.side;
      parts[2u * index + 1u] = Part(mine.y, max(window.z, 1u), plane + window.y * params.side + window.x, params.side);
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    out[3] = totals.z;
    state[3] = totals.z;
  }
}

@compute @workgroup_size(256)
fn pack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let end = state[3];
  let step = groups.x * groups.y * 256u;
  for (var i = HEAD + ENTRY * params.masks + workgroup_index(group, groups) * 256u + lane; i < end; i += step) {
    // the part of this word, by binary search
    var first = 0u;
    var last = 2u * state[1] - 1u;
    while (first < last) {
      let middle = (first + last + 1u) / 2u;
      if (placed[middle].start <= i) { first = middle; } else { last = middle - 1u; }
    }
    let part = placed[first];
    let local = i - part.start;
    let source = part.first + local / part.columns * part.stride + local % part.columns;
    if (first % 2u == 0u) { out[i] = bits[source]; } else { out[i] = logits[source]; }
  }
}
