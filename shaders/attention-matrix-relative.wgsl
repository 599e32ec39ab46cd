// The kernels of attention-relative.wgsl on matrix units, both axes in one:
//   relative:          rel[window and head, place, query] = q . table[own(query) - k + side - 1], with q not scaled
//   relative_backward: dq += the sum over k of drel . table
// A workgroup owns 64 queries. It multiplies them by all 2 side - 1 rows of a table, 32 at a time, because each query needs
// others of them: a query's products with `side` consecutive rows are its terms. Backward puts the gradients of its terms into
// those places of a row of zeros.
// 28 KiB of workgroup memory. No atomics. Grid: (ceil(length / 64), windows * heads). FLOPs: 2 windows heads length head_dim
// (2 side_h + 2 side_w - 2) each.
enable f16;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);

// use: attention-matrix-backward
@group(0) @binding(8) var<storage, read> table_h: array<vec4f>;  // (2 side_h - 1, head_dim)
@group(0) @binding(9) var<storage, read> table_w: array<vec4f>;  // (2 side_w - 1, head_dim)
@group(0) @binding(10) var<storage, read_write> rel: array<f32>; // as terms

// lines or columns of the window
fn side_of(axis: u32) -> u32 {
  return select(params.side_h, params.side_w, axis == 1u);
}

// stages 32 rows of a table from `first` on; zeros beyond its last
fn stage_table(lane: u32, axis: u32, first: u32) {
  let end = 2u * side_of(axis) - 1u;
  for (var i = lane; i < TILE * 4u * parts; i += LANES) {
    let r = i / (4u * parts);
    let c = i % (4u * parts);
    let at = (first + r) * params.head4 + c;
    var value = vec4f();
    if (first + r < end && c < params.head4) {
      if (axis == 0u) {
        value = table_h[at];
      } else {
        value = table_w[at];
      }
    }
    staged[r * STEP + c] = vec4<f16>(value);
  }
}

// A query's place in a table and in the terms: the products with its rows from `first` on, in descending order of k, are terms
// of lines (axis 0) or columns (axis 1).
struct Query {
  first: u32,
  at: u32, // of the term for k = 0
}

fn query_of(it: Item, axis: u32, query: u32) -> Query {
  let line = query / params.side_w;
  let base = it.window_head * (params.side_h + params.side_w);
  if (axis == 0u) { return Query(line, base * 4u * params.quads + query); }
  return Query(query - line * params.side_w, (base + params.side_h) * 4u * params.quads + query);
}

@compute @workgroup_size(128)
fn relative(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let first = group.x * OWN;
  let query = first + it.row;
  stage_queries(it, lane, first, OWN);
  workgroupBarrier();
  var q = array<Left, 4>();
  // unroll
  for (var c = 0u; c < 4u; c++) {
    if (c < parts) { q[c] = subgroupMatrixLoad<Left, row_major>(&staged, it.own * STEP + 4u * c, STEP); }
  }
  for (var axis = 0u; axis < 2u; axis++) {
    let side = side_of(axis);
    let own = query_of(it, axis, query);
    for (var row = 0u; row < 2u * side - 1u; row += TILE) {
      workgroupBarrier();
      stage_table(lane, axis, row);
      workgroupBarrier();
      // unroll
      for (var j = 0u; j < 2u; j++) {
        var s = Sums();
        // unroll
        for (var c = 0u; c < 4u; c++) {
          if (c < parts) {
            let table = subgroupMatrixLoad<Right, col_major>(&staged, 16u * j * STEP + 4u * c, STEP);
            s = subgroupMatrixMultiplyAccumulate(q[c], table, s);
          }
        }
        subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u * j, s, PITCH);
      }
      workgroupBarrier();
      for (var i = 16u * it.half; i < 16u * it.half + 16u; i++) {
        // below 0 it wraps around to a large number
        let k = own.first + side - 1u - (row + i);
        if (k < side && query < params.length) { rel[own.at + k * 4u * params.quads] = scores[it.row * PITCH + i]; }
      }
    }
  }
}

@compute @workgroup_size(128)
fn relative_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let first = group.x * OWN;
  let query = first + it.row;
  let scale = gradient_scale(it);
  var dq = array<Sums, 4>();
  for (var axis = 0u; axis < 2u; axis++) {
    let side = side_of(axis);
    let own = query_of(it, axis, query);
    for (var row = 0u; row < 2u * side - 1u; row += TILE) {
      workgroupBarrier();
      stage_table(lane, axis, row);
      var gradients = mat4x4f();
      // unroll
      for (var i = 0u; i < 4u; i++) {
        let k = own.first + side - 1u - (row + 16u * it.half + 4u * i);
        gradients[i] = scale.x * vec4f(
          term_gradient(own, side, query, k), term_gradient(own, side, query, k - 1u),
          term_gradient(own, side, query, k - 2u), term_gradient(own, side, query, k - 3u));
      }
      write_weights(it, 0u, gradients);
      workgroupBarrier();
      // unroll
      for (var j = 0u; j < 2u; j++) {
        let w = subgroupMatrixLoad<Left, row_major>(&weights, it.own * STEP + 4u * j, STEP);
        // unroll
        for (var c = 0u; c < 4u; c++) {
          if (c < parts) {
            let table = subgroupMatrixLoad<Right, row_major>(&staged, 16u * j * STEP + 4u * c, STEP);
            dq[c] = subgroupMatrixMultiplyAccumulate(w, table, dq[c]);
          }
        }
      }
    }
  }
  // unroll
  for (var c = 0u; c < 4u; c += 2u) {
    if (c < parts) {
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH, dq[c], PITCH);
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u, dq[c + 1u], PITCH);
      workgroupBarrier();
      write_dq(it, lane, first, 4u * c, scale.y);
      workgroupBarrier();
    }
  }
}

// the gradient of a query's term for k, 0 if there is none
fn term_gradient(own: Query, side: u32, query: u32, k: u32) -> f32 {
  if (k >= side || query >= params.length) { return 0.0; }
  return terms[own.at + k * 4u * params.quads];
}
