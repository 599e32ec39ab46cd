// The number of pixels that two packed masks share, for many pairs: a workgroup a pair, over the words that both masks have.
// Masks are rows of 32-pixel words, the first pixel at a multiple of 32 of the image, so no bit needs shifting. Reads 2 words
// and does 3 integer operations a word; exact. Grid: grid1d(pairs, 1).

struct Params {
  pairs: u32,
}

struct Packed {
  start: u32, // first word in `words`
  column: u32, // first column, in words of the image
  columns: u32,
  row: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> masks: array<Packed>;
@group(0) @binding(2) var<storage, read> words: array<u32>;
@group(0) @binding(3) var<storage, read> pairs: array<vec2u>;
@group(0) @binding(4) var<storage, read_write> shared_pixels: array<u32>;

// use: workgroup-index

var<workgroup> sums: array<u32, 64>;

@compute @workgroup_size(64)
fn overlap(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = workgroup_index(group, groups);
  if (index >= params.pairs) { return; }
  let a = masks[pairs[index].x];
  let b = masks[pairs[index].y];
  let left = max(a.column, b.column);
  let right = min(a.column + a.columns, b.column + b.columns);
  let top = max(a.row, b.row);
  let bottom = min(a.row + a.rows, b.row + b.rows);
  var sum = 0u;
  if (left < right && top < bottom) {
    let columns = right - left;
    let count = columns * (bottom - top);
    for (var i = lane; i < count; i += 64u) {
      let x = left + i % columns;
      let y = top + i / columns;
      let in_a = words[a.start + (y - a.row) * a.columns + x - a.column];
      let in_b = words[b.start + (y - b.row) * b.columns + x - b.column];
      sum += countOneBits(in_a & in_b);
    }
  }
  sums[lane] = sum;
  for (var step = 32u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (lane < step) { sums[lane] += sums[lane + step]; }
  }
  if (lane == 0u) { shared_pixels[index] = sums[0]; }
}
