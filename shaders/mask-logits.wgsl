// Mask logits: of each prompt's pixels u (P, pixels, C) the products with the four vectors h (P, 4, C) of its masks, C a multiple
// of 4. The pixels come in the order in which two transposed convolutions make them: by cell of the side x side image
// embedding, then by quarter of the cell, then by quarter of that; the logits (P, 4, 4 side, 4 side) are lines of an image. A lane
// handles a block of 2 x 2 pixels, which are four rows of u, one after the other.
// forward:    logits = h uᵀ. 8 C FLOPs a pixel. Grid: (ceil(blocks / (64 rounds)), P), see lib/lane-range.wgsl.
// backward_u: du (+)= dlogitsᵀ h, as much work. Grid: (ceil(blocks C4 / (64 rounds)), P).
// backward_h: partial (parts, P, 4, C), the sums of dlogits u over parts of the blocks, to be added by split-sum.wgsl. A workgroup
//   has 64 / C4 groups of lanes, each of which makes a part. As much work. Grid: (chunks, P).

struct Params {
  side: u32,       // of the embedding, cells
  blocks: u32,     // of a prompt: 4 side²
  c4: u32,         // C / 4
  chunk: u32,      // backward_h: blocks of a workgroup
  rounds: u32,     // blocks of a lane, or vec4 of four rows of du
  accumulate: u32, // backward_u: 1 to add
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> h: array<vec4f>;
@group(0) @binding(2) var<storage, read> u: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> logits: array<vec2f>;
@group(0) @binding(4) var<storage, read> dlogits: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> du: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> partial: array<vec4f>;

// use: lane-range

// the upper pair of pixels of a block in the first mask of a prompt; the lower one is a line, 2 side pairs, further on
fn pair_of(prompt: u32, quad: u32) -> u32 {
  let cell = quad / 4u;
  let line = (cell / params.side) * 4u + (quad & 2u);
  let column = (cell % params.side) * 2u + (quad & 1u);
  return (prompt * 16u * params.side + line) * 2u * params.side + column;
}

// pairs from mask to mask
fn plane() -> u32 {
  return 8u * params.side * params.side;
}

// the gradients of a block's four pixels in a mask whose pair is `at`
fn gradients(at: u32) -> vec4f {
  return vec4f(dlogits[at], dlogits[at + 2u * params.side]);
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let range = lane_range(group.x, lane, params.blocks);
  let first_h = group.y * 4u * params.c4;
  for (var quad = range.x; quad < range.y; quad += 8u) {
    let first_u = (group.y * params.blocks + quad) * 4u * params.c4;
    var s0 = vec4f();
    var s1 = vec4f();
    var s2 = vec4f();
    var s3 = vec4f();
    for (var c = 0u; c < params.c4; c++) {
      let at = first_u + c;
      let pixels = mat4x4f(u[at], u[at + params.c4], u[at + 2u * params.c4], u[at + 3u * params.c4]);
      s0 += h[first_h + c] * pixels;
      s1 += h[first_h + params.c4 + c] * pixels;
      s2 += h[first_h + 2u * params.c4 + c] * pixels;
      s3 += h[first_h + 3u * params.c4 + c] * pixels;
    }
    let upper = pair_of(group.y, quad);
    let lower = upper + 2u * params.side;
    logits[upper] = s0.xy;
    logits[lower] = s0.zw;
    logits[upper + plane()] = s1.xy;
    logits[lower + plane()] = s1.zw;
    logits[upper + 2u * plane()] = s2.xy;
    logits[lower + 2u * plane()] = s2.zw;
    logits[upper + 3u * plane()] = s3.xy;
    logits[lower + 3u * plane()] = s3.zw;
  }
}

@compute @workgroup_size(64)
fn backward_u(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let range = lane_range(group.x, lane, params.blocks * params.c4);
  for (var i = range.x; i < range.y; i += 8u) {
    let quad = i / params.c4;
    let c = i - quad * params.c4;
    var pair = pair_of(group.y, quad);
    var vector = group.y * 4u * params.c4 + c;
    var sum = mat4x4f();
    for (var mask = 0u; mask < 4u; mask++) {
      let d = gradients(pair);
      let of_mask = h[vector];
      sum += mat4x4f(d.x * of_mask, d.y * of_mask, d.z * of_mask, d.w * of_mask);
      pair += plane();
      vector += params.c4;
    }
    let at = (group.y * params.blocks + quad) * 4u * params.c4 + c;
    store(at, sum[0]);
    store(at + params.c4, sum[1]);
    store(at + 2u * params.c4, sum[2]);
    store(at + 3u * params.c4, sum[3]);
  }
}

fn store(at: u32, value: vec4f) {
  if (params.accumulate != 0u) {
    du[at] += value;
  } else {
    du[at] = value;
  }
}

@compute @workgroup_size(64)
fn backward_h(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let step = 64u / params.c4;
  let own = lane / params.c4;
  let c = lane % params.c4;
  if (own >= step) { return; }
  let end = min((group.x + 1u) * params.chunk, params.blocks);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var quad = group.x * params.chunk + own; quad < end; quad += step) {
    let at = (group.y * params.blocks + quad) * 4u * params.c4 + c;
    let pixels = mat4x4f(u[at], u[at + params.c4], u[at + 2u * params.c4], u[at + 3u * params.c4]);
    let pair = pair_of(group.y, quad);
    s0 += pixels * gradients(pair);
    s1 += pixels * gradients(pair + plane());
    s2 += pixels * gradients(pair + 2u * plane());
    s3 += pixels * gradients(pair + 3u * plane());
  }
  let to = ((group.x * step + own) * groups.y + group.y) * 4u * params.c4 + c;
  partial[to] = s0;
  partial[to + params.c4] = s1;
  partial[to + 2u * params.c4] = s2;
  partial[to + 3u * params.c4] = s3;
}
