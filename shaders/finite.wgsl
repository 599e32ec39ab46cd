// Counts values that are not finite and says where the first one is; sums the squares of the others. Whether a value is finite is
// read from its bits (an exponent of all ones means it is not), because a shader compiler may assume that no NaN exists: it may
// drop `x != x`, and min, max and select may return the other operand. All sums are in a fixed order. 3 FLOPs an element, four
// elements at a time.
// inspect: workgroup w adds what it finds in x (count) to parts[first + w], which the host clears. Grid: any number of workgroups.
// gradients: workgroup w writes what it finds in gradients and values (count each) to found[first + w], with the sum of squares
// of the gradients. Grid: any number of workgroups.
// totals: one workgroup adds up parts (parts_count) and sums (count) into found[0].

struct Params {
  count: u32,
  first: u32,
  parts_count: u32,
  offset: u32,        // gradients: elements before the first one
  source: u32,        // inspect: which tensor x is, below SOURCES
}

struct Found {
  squares: f32,       // the sum of squares of the finite gradients
  count: u32,         // values that are not finite
  key: u32,           // where they were first: 0 nowhere, else the smallest key is the earliest
  index: u32,         // the element of the first one there
}

// The keys of found values, in the order in which a step computes them: values of parameters, inspected tensors by micro-batch and
// source, losses (see adam.wgsl), gradients.
const KEY_VALUES = 1u;
const KEY_INSPECTED = 2u;
const KEY_GRADIENTS = 0xffffffffu;
const SOURCES = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> words: array<vec4u>;       // bits of x, or of the gradients
@group(0) @binding(2) var<storage, read> rest: array<u32>;          // the same words, for the last ones that fill no vector
@group(0) @binding(3) var<storage, read> values: array<vec4u>;      // bits of the parameters
@group(0) @binding(4) var<storage, read> micro_batch: array<u32>;   // (1): its place in the step
@group(0) @binding(5) var<storage, read> parts_in: array<Found>;
@group(0) @binding(6) var<storage, read> sums: array<Found>;
@group(0) @binding(7) var<storage, read_write> found: array<Found>;

const EXPONENT = 0x7f800000u;

var<workgroup> lanes: array<Found, 256>;

fn join(a: Found, b: Found) -> Found {
  // a key of 0 becomes the largest
  let ka = a.key - 1u;
  let kb = b.key - 1u;
  let a_first = ka < kb || (ka == kb && a.index <= b.index);
  return Found(a.squares + b.squares, a.count + b.count, select(b.key, a.key, a_first), select(b.index, a.index, a_first));
}

// What all lanes found, by a tree of two levels of 16: fewer barriers than a binary tree.
fn join_lanes(lane: u32, mine: Found) -> Found {
  lanes[lane] = mine;
  workgroupBarrier();
  var sum = Found();
  if (lane < 16u) {
    for (var i = 0u; i < 16u; i++) { sum = join(sum, lanes[16u * lane + i]); }
  }
  workgroupBarrier();
  if (lane < 16u) { lanes[lane] = sum; }
  workgroupBarrier();
  sum = Found();
  for (var i = 0u; i < 16u; i++) { sum = join(sum, lanes[i]); }
  return sum;
}

fn is_bad(word: u32) -> bool {
  return (word & EXPONENT) == EXPONENT;
}

fn any_bad(word: vec4u) -> bool {
  return any((word & vec4u(EXPONENT)) == vec4u(EXPONENT));
}

// The values among four that are not finite, the first of which is element `index`.
fn bad_of(word: vec4u, key: u32, index: u32) -> Found {
  var sum = Found();
  for (var j = 0u; j < 4u; j++) {
    if (is_bad(word[j])) { sum = join(sum, Found(0.0, 1u, key, index + j)); }
  }
  return sum;
}

@compute @workgroup_size(256)
fn inspect(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let key = KEY_INSPECTED + micro_batch[0] * SOURCES + params.source;
  let whole = params.count / 4u;
  var mine = Found();
  for (var i = group.x * 256u + lane; i < whole; i += groups.x * 256u) {
    let word = words[i];
    if (any_bad(word)) { mine = join(mine, bad_of(word, key, 4u * i)); }
  }
  let last = 4u * whole + lane;
  if (group.x == 0u && last < params.count && is_bad(rest[last])) { mine = join(mine, Found(0.0, 1u, key, last)); }
  let total = join_lanes(lane, mine);
  if (lane == 0u && total.count > 0u) { found[params.first + group.x] = join(found[params.first + group.x], total); }
}

@compute @workgroup_size(256)
fn gradients(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var mine = Found();
  for (var i = group.x * 256u + lane; i < params.count / 4u; i += groups.x * 256u) {
    let word = words[i];
    let value = values[i];
    if (any_bad(word) || any_bad(value)) {
      mine = join(mine, bad_of(value, KEY_VALUES, params.offset + 4u * i));
      mine = join(mine, bad_of(word, KEY_GRADIENTS, params.offset + 4u * i));
      for (var j = 0u; j < 4u; j++) {
        if (!is_bad(word[j])) { mine.squares = fma(bitcast<f32>(word[j]), bitcast<f32>(word[j]), mine.squares); }
      }
    } else {
      let x = bitcast<vec4f>(word);
      mine.squares = fma(x.x, x.x, mine.squares);
      mine.squares = fma(x.y, x.y, mine.squares);
      mine.squares = fma(x.z, x.z, mine.squares);
      mine.squares = fma(x.w, x.w, mine.squares);
    }
  }
  let total = join_lanes(lane, mine);
  if (lane == 0u) { found[params.first + group.x] = total; }
}

@compute @workgroup_size(256)
fn totals(@builtin(local_invocation_index) lane: u32) {
  var mine = Found();
  for (var i = lane; i < params.parts_count; i += 256u) { mine = join(mine, parts_in[i]); }
  for (var i = lane; i < params.count; i += 256u) { mine = join(mine, sums[i]); }
  let total = join_lanes(lane, mine);
  if (lane == 0u) { found[0] = total; }
}
