// The forward kernel of attention-direct.wgsl, with the same results to the accuracy of f16, on matrix units.
// A workgroup owns 64 queries of one window and head, 16 in each of its four subgroups, and loops over tiles of 32 keys:
//   scores:  q kT, plus the terms of the keys' columns with which its sums start, in f32 through workgroup memory to the lanes;
//   weights: exp(score - top) in f16 through workgroup memory back into matrices, where `top` is near the row's highest score;
//   sums:    weights v in the registers of matrices, and the sum of the weights in f32 by lane.
// The elements of a matrix are out of reach, so when `top` rises its sums must pass through workgroup memory to be rescaled. It
// rises only when a score exceeds it by more than 8: until then weights just exceed 1, up to exp(8), which f16 holds. After
// the first tile that is rare. (Two passes, the first of which finds the highest scores, compute all scores twice.)
// 28 KiB of workgroup memory. No atomics. Grid: (ceil(length / 64), windows * heads). FLOPs as in attention-direct.wgsl.
enable f16;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);

// use: attention-matrix
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;  // (tokens, C)
@group(0) @binding(5) var<storage, read_write> kept: array<vec4f>; // (windows * heads, quads, 2): log of the sum of exp(score); -

const EXCESS = 8.0; // how far a score may exceed `top`: exp(8) is 2981

var<workgroup> halves: array<f32, 128>; // what the two lanes of a row exchange
var<workgroup> raised: u32;             // 1 if a score exceeds its row's `top` by too much

// the highest of both halves of the lane's row
fn highest_of_row(it: Item, value: f32) -> f32 {
  halves[OWN * it.half + it.row] = value;
  workgroupBarrier();
  return max(halves[it.row], halves[OWN + it.row]);
}

fn highest(s: mat4x4f) -> f32 {
  let m = max(max(s[0], s[1]), max(s[2], s[3]));
  return max(max(m.x, m.y), max(m.z, m.w));
}

@compute @workgroup_size(128)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let first = group.x * OWN;
  stage_queries(it, lane, first, OWN);
  if (lane == 0u) { raised = 0u; }
  workgroupBarrier();
  var q = array<Left, 4>();
  // unroll
  for (var c = 0u; c < 4u; c++) {
    if (c < parts) { q[c] = subgroupMatrixLoad<Left, row_major>(&staged, it.own * STEP + 4u * c, STEP); }
  }
  var y = array<Sums, 4>();
  var top = LOWEST;
  var sum = 0.0;
  let line_step = select(1u, 2u, narrow());
  for (var column = 0u; column < params.side_w; column += TILE) {
    var column_terms = array<Sums, 2>();
    for (var line = 0u; line < params.side_h; line += line_step) {
      if (line == 0u && (params.relative | params.biased) != 0u) {
        let at = first_column_terms(it) + first + it.own;
        let next = select(16u, 0u, narrow());
        column_terms[0] = subgroupMatrixLoad<Sums, col_major>(&terms, at + column * 4u * params.quads, 4u * params.quads);
        column_terms[1] =
          subgroupMatrixLoad<Sums, col_major>(&terms, at + (column + next) * 4u * params.quads, 4u * params.quads);
      }
      workgroupBarrier();
      stage_keys(it, lane, line, column);
      workgroupBarrier();
      // unroll
      for (var j = 0u; j < 2u; j++) {
        var s = column_terms[j];
        // unroll
        for (var c = 0u; c < 4u; c++) {
          if (c < parts) {
            let k = subgroupMatrixLoad<Right, col_major>(&staged, 16u * j * STEP + 4u * c, STEP);
            s = subgroupMatrixMultiplyAccumulate(q[c], k, s);
          }
        }
        subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u * j, s, PITCH);
      }
      workgroupBarrier();
      let s = only(lane_scores(it), keys_of(it, line, column));
      let shift = line_term(it, line, first + it.row);
      let high = highest(s) + shift;
      if (line == 0u && column == 0u) { top = highest_of_row(it, high); }
      var p = exponentials(s, shift - top);
      write_weights(it, 0u, p);
      if (high > top + EXCESS) { raised = 1u; }
      if (workgroupUniformLoad(&raised) != 0u) {
        let before = top;
        top = max(before, highest_of_row(it, high));
        p = exponentials(s, shift - top);
        write_weights(it, 0u, p);
        let shrink = exp2(LOG2E * (before - top));
        sum *= shrink;
        if (lane == 0u) { raised = 0u; }
        // unroll
        for (var c = 0u; c < 4u; c += 2u) {
          if (c < parts) {
            subgroupMatrixStore<row_major>(&scores, it.own * PITCH, y[c], PITCH);
            subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u, y[c + 1u], PITCH);
            workgroupBarrier();
            for (var i = 0u; i < 16u; i++) { scores[it.row * PITCH + 16u * it.half + i] *= shrink; }
            workgroupBarrier();
            y[c] = subgroupMatrixLoad<Sums, row_major>(&scores, it.own * PITCH, PITCH);
            y[c + 1u] = subgroupMatrixLoad<Sums, row_major>(&scores, it.own * PITCH + 16u, PITCH);
            workgroupBarrier();
          }
        }
      }
      sum += total(p);
      // unroll
      for (var j = 0u; j < 2u; j++) {
        let w = subgroupMatrixLoad<Left, row_major>(&weights, it.own * STEP + 4u * j, STEP);
        // unroll
        for (var c = 0u; c < 4u; c++) {
          if (c < parts) {
            let v = subgroupMatrixLoad<Right, row_major>(&staged, (TILE + 16u * j) * STEP + 4u * c, STEP);
            y[c] = subgroupMatrixMultiplyAccumulate(w, v, y[c]);
          }
        }
      }
    }
  }

  halves[OWN * it.half + it.row] = sum;
  workgroupBarrier();
  sum = halves[it.row] + halves[OWN + it.row];
  workgroupBarrier();
  halves[OWN * it.half + it.row] = select(top + log(sum), 1.0 / sum, it.half == 0u);
  workgroupBarrier();
  if (params.keep != 0u && lane < 16u) {
    let at = OWN + 4u * lane;
    kept[2u * (it.window_head * params.quads + 16u * group.x + lane)] =
      vec4f(halves[at], halves[at + 1u], halves[at + 2u], halves[at + 3u]);
  }
  // unroll
  for (var c = 0u; c < 4u; c += 2u) {
    if (c < parts) {
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH, y[c], PITCH);
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u, y[c + 1u], PITCH);
      workgroupBarrier();
      write_out(it, lane, first, 4u * c);
      workgroupBarrier();
    }
  }
}

// writes the sums of 32 channels of the own queries, from the vec4 `channel` of the head on, divided by their weights' sum
fn write_out(it: Item, lane: u32, first: u32, channel: u32) {
  let c = channel + lane % 8u;
  if (c >= params.head4) { return; }
  for (var r = lane / 8u; r < min(OWN, params.length - first); r += 16u) {
    let row = row_of(it.window, first + r);
    let at = r * PITCH + lane % 8u * 4u;
    let y = vec4f(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
    if (row < params.tokens) { out[row * params.channels4 + it.head * params.head4 + c] = halves[r] * y; }
  }
}
