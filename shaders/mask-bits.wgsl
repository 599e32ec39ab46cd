// Low-resolution logits to masks in the image's own size, one bit a pixel, with the pixel counts that their scores need.
//
// threshold: bilinear (align_corners false) from (side, side) to the input square, cropped to its valid part, then bilinear to
//   the image. A lane writes one word, 32 pixels of a row, the first at a multiple of 32 of the image: to `bits` the pixels
//   above `middle`, to `parts` how many are above `above` (low 16 bits) and above `below` (high 16 bits). About 20 FLOPs and 1
//   to 2 reads a pixel, because interpolated columns are reused for the pixels to their right. A lane computes words at a distance
//   of the number of lanes.
// measure: for each job the sums over its words and the box of its bits, in eight words: above, below, area, x0, y0, x1, y1
//   (inclusive; x1 < x0 for an empty mask), 0. Grid: at least as many workgroups as jobs.
//
// `state` holds the number of jobs and of their words (mask-rounds.wgsl). A job is one mask's part of the image, whole words wide; jobs are stored one after the other in `bits` and `parts`. `axes`
// holds for each output coordinate the input coordinate at or before it, and the bits of the f32 weight of the next one: for
// the image's columns, the image's rows, the valid part's columns, the valid part's rows.

struct Params {
  side: u32,
  width: u32, // of the image
  height: u32,
  valid_width: u32,
  valid_height: u32,
  below: f32,
  middle: f32,
  above: f32,
}

struct Job {
  plane: u32, // of the logits
  start: u32, // first word in `bits`
  column: u32, // first column, in words of the image
  columns: u32,
  row: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> jobs: array<Job>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> axes: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> bits: array<u32>;
@group(0) @binding(5) var<storage, read_write> parts: array<u32>;
@group(0) @binding(6) var<storage, read> made: array<u32>; // `bits`, written by threshold
@group(0) @binding(7) var<storage, read> counted: array<u32>; // `parts`, written by threshold
@group(0) @binding(8) var<storage, read_write> measures: array<u32>;
@group(0) @binding(9) var<storage, read> state: array<u32>; // jobs at 1, words at 2

// use: box, workgroup-index

// where the four rows of logits between which a lane's pixels are start, and the weights of the lower ones
var<private> rows: vec4u;
var<private> shares: vec3f;
// the last interpolated column of logits, low_at, and its values there and in the next column
var<private> low_at: u32;
var<private> low: vec2f;
const NOWHERE = 0xfffffff0u;

fn lerp(a: f32, b: f32, share: f32) -> f32 {
  return a + (b - a) * share;
}

// the job of a word, by binary search
fn job_of(word: u32) -> u32 {
  var first = 0u;
  var last = state[1] - 1u;
  while (first < last) {
    let middle = (first + last + 1u) / 2u;
    if (jobs[middle].start <= word) { first = middle; } else { last = middle - 1u; }
  }
  return first;
}

// column x of the logits, interpolated at the lane's row
fn low_column(x: u32) -> f32 {
  let upper = lerp(logits[rows.x + x], logits[rows.y + x], shares.x);
  let lower = lerp(logits[rows.z + x], logits[rows.w + x], shares.y);
  return lerp(upper, lower, shares.z);
}

// column x of the valid part of the input square, interpolated at the lane's row
fn input_column(x: u32) -> f32 {
  let axis = axes[params.width + params.height + x];
  if (axis.x != low_at) {
    if (axis.x == low_at + 1u) { low.x = low.y; } else { low.x = low_column(axis.x); }
    low.y = low_column(min(axis.x + 1u, params.side - 1u));
    low_at = axis.x;
  }
  return lerp(low.x, low.y, bitcast<f32>(axis.y));
}

fn threshold_word(i: u32) {
  let job = jobs[job_of(i)];
  let local = i - job.start;
  let y_axis = axes[params.width + job.row + local / job.columns];
  let y_input = params.width + params.height + params.valid_width;
  let upper = axes[y_input + y_axis.x];
  let lower = axes[y_input + min(y_axis.x + 1u, params.valid_height - 1u)];
  let last = params.side - 1u;
  rows = job.plane * params.side * params.side
    + params.side * vec4u(upper.x, min(upper.x + 1u, last), lower.x, min(lower.x + 1u, last));
  shares = vec3f(bitcast<f32>(upper.y), bitcast<f32>(lower.y), bitcast<f32>(y_axis.y));
  low_at = NOWHERE;
  var input_at = NOWHERE;
  var left = 0.0;
  var right = 0.0;
  var word = 0u;
  var counts = 0u;
  let x0 = (job.column + local % job.columns) * 32u;
  for (var bit = 0u; bit < min(32u, params.width - x0); bit++) {
    let axis = axes[x0 + bit];
    if (axis.x != input_at) {
      if (axis.x == input_at + 1u) { left = right; } else { left = input_column(axis.x); }
      right = input_column(min(axis.x + 1u, params.valid_width - 1u));
      input_at = axis.x;
    }
    let value = lerp(left, right, bitcast<f32>(axis.y));
    if (value > params.middle) { word |= 1u << bit; }
    if (value > params.above) { counts += 1u; }
    if (value > params.below) { counts += 0x10000u; }
  }
  bits[i] = word;
  parts[i] = counts;
}

@compute @workgroup_size(64)
fn threshold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let step = groups.x * groups.y * 64u;
  for (var i = workgroup_index(group, groups) * 64u + lane; i < state[2]; i += step) { threshold_word(i); }
}

var<workgroup> sums: array<vec3u, 256>;
var<workgroup> corners: array<vec4u, 256>;

@compute @workgroup_size(256)
fn measure(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = workgroup_index(group, groups);
  if (index >= state[1]) { return; }
  let job = jobs[index];
  var sum = vec3u(0u);
  var box = vec4u(0xffffffffu, 0xffffffffu, 0u, 0u);
  let words = job.columns * job.rows;
  for (var i = lane; i < words; i += 256u) {
    let counts = counted[job.start + i];
    let word = made[job.start + i];
    sum += vec3u(counts & 0xffffu, counts >> 16u, countOneBits(word));
    if (word != 0u) {
      let x = (job.column + i % job.columns) * 32u;
      let y = job.row + i / job.columns;
      box = join(box, vec4u(x + firstTrailingBit(word), y, x + firstLeadingBit(word) + 1u, y + 1u));
    }
  }
  sums[lane] = sum;
  corners[lane] = box;
  for (var step = 128u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) {
      sums[lane] += sums[lane + step];
      corners[lane] = join(corners[lane], corners[lane + step]);
    }
  }
  if (lane == 0u) {
    let at = 8u * index;
    let bounds = inclusive(corners[0]);
    measures[at] = sums[0].x;
    measures[at + 1u] = sums[0].y;
    measures[at + 2u] = sums[0].z;
    measures[at + 3u] = bounds.x;
    measures[at + 4u] = bounds.y;
    measures[at + 5u] = bounds.z;
    measures[at + 6u] = bounds.w;
    measures[at + 7u] = 0u;
  }
}
