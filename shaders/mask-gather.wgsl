// Copies rectangles of planes one after the other: the masks and logits of a pass that are kept, so that the host reads them in
// one transfer. Moves 32-bit words, whatever they mean. Grid: grid1d(words).

struct Params {
  words: u32, // of all parts
  parts: u32,
}

struct Part {
  start: u32, // first word in `y`
  columns: u32,
  first: u32, // first word in `x`
  stride: u32, // words from row to row in `x`
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<Part>;
@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

// use: workgroup-index

@compute @workgroup_size(256)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 256u + lane;
  if (i >= params.words) { return; }
  // the part of this word, by binary search
  var first = 0u;
  var last = params.parts - 1u;
  while (first < last) {
    let middle = (first + last + 1u) / 2u;
    if (parts[middle].start <= i) { first = middle; } else { last = middle - 1u; }
  }
  let part = parts[first];
  let local = i - part.start;
  y[i] = x[part.first + local / part.columns * part.stride + local % part.columns];
}
