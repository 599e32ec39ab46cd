// The kernel backward_q of attention-direct.wgsl on matrix units: the gradients of q and of the relative terms.
// A workgroup owns 64 queries and loops over tiles of 32 keys, as in attention-matrix-forward.wgsl. Of each tile it computes
// the scores again, s = q kT plus terms, and the gradients of the probabilities, dp = dout vT; from them the lanes compute
//   ds = exp(s - log of the sum) (dp - delta),
// which they sum up by line and by column of keys in f32, and write in f16 for dq += ds k. See lib/attention-matrix-backward
// for the scale of gradients.
// 28 KiB of workgroup memory: first s, then dp pass through the same. No atomics. Grid: (ceil(length / 64), windows * heads). FLOPs as in attention-direct.wgsl.
enable f16;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);

// use: attention-matrix-backward
@group(0) @binding(8) var<storage, read_write> drel: array<f32>; // as terms

var<workgroup> halves: array<f32, 128>; // sums of the two lanes of a row

// where the gradients of a query's relative terms start, for lines and for columns, in steps of 4 quads
fn line_gradient(it: Item, line: u32, query: u32) -> u32 {
  return (it.window_head * (params.side_h + params.side_w) + line) * 4u * params.quads + query;
}

fn column_gradient(it: Item, column: u32, query: u32) -> u32 {
  return line_gradient(it, params.side_h + column, query);
}

@compute @workgroup_size(128)
fn backward_q(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let first = group.x * OWN;
  let query = first + it.row;
  let scale = gradient_scale(it);
  let place = 2u * (it.window_head * params.quads + query / 4u);
  let lse = stats[place][query % 4u];
  let delta = scale.x * stats[place + 1u][query % 4u];
  stage_queries(it, lane, first, OWN);
  workgroupBarrier();
  var q = array<Left, 4>();
  // unroll
  for (var c = 0u; c < 4u; c++) {
    if (c < parts) { q[c] = subgroupMatrixLoad<Left, row_major>(&staged, it.own * STEP + 4u * c, STEP); }
  }
  workgroupBarrier();
  stage_dout(it, lane, first, OWN, 0u, scale.x);
  workgroupBarrier();
  var g = array<Left, 4>();
  // unroll
  for (var c = 0u; c < 4u; c++) {
    if (c < parts) { g[c] = subgroupMatrixLoad<Left, row_major>(&staged, it.own * STEP + 4u * c, STEP); }
  }
  var dq = array<Sums, 4>();
  let line_step = select(1u, 2u, narrow());
  for (var column = 0u; column < params.side_w; column += TILE) {
    var column_terms = array<Sums, 2>();
    var by_column = mat4x4f(); // sums over lines of ds, of the lane's 16 columns
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
      var products = array<Sums, 2>(); // dp
      // unroll
      for (var j = 0u; j < 2u; j++) {
        var s = column_terms[j];
        // unroll
        for (var c = 0u; c < 4u; c++) {
          if (c < parts) {
            let k = subgroupMatrixLoad<Right, col_major>(&staged, 16u * j * STEP + 4u * c, STEP);
            s = subgroupMatrixMultiplyAccumulate(q[c], k, s);
            let v = subgroupMatrixLoad<Right, col_major>(&staged, (TILE + 16u * j) * STEP + 4u * c, STEP);
            products[j] = subgroupMatrixMultiplyAccumulate(g[c], v, products[j]);
          }
        }
        subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u * j, s, PITCH);
      }
      workgroupBarrier();
      let s = only(lane_scores(it), keys_of(it, line, column));
      let p = exponentials(s, line_term(it, line, query) - lse);
      workgroupBarrier();
      // unroll
      for (var j = 0u; j < 2u; j++) {
        subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u * j, products[j], PITCH);
      }
      workgroupBarrier();
      var dp = lane_scores(it);
      var ds = p;
      // unroll
      for (var i = 0u; i < 4u; i++) { ds[i] *= dp[i] - delta; }
      write_weights(it, 0u, ds);
      by_column += ds;
      let by_line = total(ds);
      halves[OWN * it.half + it.row] = by_line;
      workgroupBarrier();
      if (params.relative != 0u) {
        if (narrow()) {
          // each half of the tile is a line
          if (line + it.half < params.side_h) { drel[line_gradient(it, line + it.half, query)] = scale.y * by_line; }
        } else if (it.half == 0u) {
          // a line has as many tiles as there are rounds of the outer loop
          let at = line_gradient(it, line, query);
          drel[at] = scale.y * (halves[it.row] + halves[OWN + it.row]) + select(drel[at], 0.0, column == 0u);
        }
      }
      // unroll
      for (var j = 0u; j < 2u; j++) {
        let w = subgroupMatrixLoad<Left, row_major>(&weights, it.own * STEP + 4u * j, STEP);
        // unroll
        for (var c = 0u; c < 4u; c++) {
          if (c < parts) {
            let k = subgroupMatrixLoad<Right, row_major>(&staged, 16u * j * STEP + 4u * c, STEP);
            dq[c] = subgroupMatrixMultiplyAccumulate(w, k, dq[c]);
          }
        }
      }
    }
    if (params.relative != 0u) { write_columns(it, column, query, by_column, scale.y); }
  }
  workgroupBarrier();
  // unroll
  for (var c = 0u; c < 4u; c += 2u) {
    if (c < parts) {
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH, dq[c], PITCH);
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u, dq[c + 1u], PITCH);
      workgroupBarrier();
      write_dq(it, lane, first, 4u * c, params.scale * scale.y);
      workgroupBarrier();
    }
  }
}

// Writes the gradients of the terms of 32 columns from `column` on, of which the lane has 16; or of 16 columns, of which each
// half has the sum over every second line.
fn write_columns(it: Item, column: u32, query: u32, sums: mat4x4f, scale: f32) {
  var by_column = sums;
  if (narrow()) {
    if (it.half == 1u) {
      for (var i = 0u; i < 16u; i++) { scores[it.row * PITCH + i] = by_column[i / 4u][i % 4u]; }
    }
    workgroupBarrier();
    if (it.half == 1u) { return; }
    by_column += lane_scores(it);
  }
  let own = column + 16u * it.half;
  for (var i = 0u; i < min(16u, params.side_w - min(own, params.side_w)); i++) {
    drel[column_gradient(it, own + i, query)] = scale * by_column[i / 4u][i % 4u];
  }
}
