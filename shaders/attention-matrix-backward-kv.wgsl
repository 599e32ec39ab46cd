// The kernel backward_kv of attention-direct.wgsl on matrix units: the gradients of k and v.
// A workgroup owns 64 keys, four strips of up to 16 keys of one line of the window, one in each subgroup. It loops over
// tiles of 32 queries. Of each it computes what attention-matrix-backward-q.wgsl does, with keys as rows:
//   sT = k qT plus terms, dpT = v doutT, pT = exp(sT - log of the sum), dsT = pT (dpT - delta),
// and sums up dv += pT dout, dk += dsT q. Probabilities are multiplied by 2^10: most are small, and f16 has its full
// accuracy from 6e-5 on only.
// 28 KiB of workgroup memory: first sT, then dpT pass through the same. No atomics. Grid: (ceil(side_h ceil(side_w / 16) / 4), windows * heads). FLOPs as in
// attention-direct.wgsl.
enable f16;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);

// use: attention-matrix-backward
@group(0) @binding(8) var<storage, read_write> dpads: array<vec4f>; // (pads, 2C): gradients of the k and v of padding

const MAGNIFIED = 1024.0; // probabilities

// strips of up to 16 keys in a line of the window
fn strips_of_line() -> u32 {
  return (params.side_w + 15u) / 16u;
}

// the position of an own key, or `length` if there is none
fn own_key(group: vec3u, r: u32) -> u32 {
  let strips = strips_of_line();
  let strip = 4u * group.x + r / 16u;
  let line = strip / strips;
  let column = 16u * (strip % strips) + r % 16u;
  return select(params.length, line * params.side_w + column, line < params.side_h && column < params.side_w);
}

// stages k or v (part 1 or 2) of the own keys; zeros where there is none
fn stage_own(it: Item, group: vec3u, lane: u32, part: u32) {
  for (var i = lane; i < OWN * 4u * parts; i += LANES) {
    let r = i / (4u * parts);
    let c = i % (4u * parts);
    let position = own_key(group, r);
    var value = vec4f();
    if (position < params.length) { value = channels(it, position, part, c); }
    staged[r * STEP + c] = vec4<f16>(value);
  }
}

// probabilities of the lane's key for four queries of the tile, and the gradients of their scores
struct Columns {
  p: vec4f,
  ds: vec4f,
}

fn columns_of(it: Item, queries: u32, line: u32, s: vec4f, dp: vec4f, scale: f32) -> Columns {
  let place = 2u * (it.window_head * params.quads + queries);
  let lse = stats[place];
  let delta = stats[place + 1u];
  var t = -lse;
  if (params.relative != 0u) {
    let at = (it.window_head * (params.side_h + params.side_w) + line) * 4u * params.quads + 4u * queries;
    t += vec4f(terms[at], terms[at + 1u], terms[at + 2u], terms[at + 3u]);
  }
  // queries that are padding, or beyond the window, have any scores
  let real = lse < vec4f(-LOWEST);
  let p = select(vec4f(), exp2(LOG2E * (s + t)), real);
  return Columns(p, select(vec4f(), p * (dp - scale * delta), real));
}

@compute @workgroup_size(128)
fn backward_kv(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let it = item_of(group, lane);
  let scale = gradient_scale(it);
  stage_own(it, group, lane, 1u);
  workgroupBarrier();
  var k = array<Left, 4>();
  // unroll
  for (var c = 0u; c < 4u; c++) {
    if (c < parts) { k[c] = subgroupMatrixLoad<Left, row_major>(&staged, it.own * STEP + 4u * c, STEP); }
  }
  workgroupBarrier();
  stage_own(it, group, lane, 2u);
  workgroupBarrier();
  var v = array<Left, 4>();
  // unroll
  for (var c = 0u; c < 4u; c++) {
    if (c < parts) { v[c] = subgroupMatrixLoad<Left, row_major>(&staged, it.own * STEP + 4u * c, STEP); }
  }
  var dk = array<Sums, 4>();
  var dv = array<Sums, 4>();
  let strips = strips_of_line();
  let strip = 4u * group.x + it.own / 16u;
  let line = min(strip / strips, params.side_h - 1u); // of the subgroup's keys
  let own_terms = first_column_terms(it) + 16u * (strip % strips) * 4u * params.quads;
  for (var first = 0u; first < params.length; first += TILE) {
    workgroupBarrier();
    stage_queries(it, lane, first, TILE);
    stage_dout(it, lane, first, TILE, TILE, scale.x);
    workgroupBarrier();
    var products = array<Sums, 2>(); // dpT
    // unroll
    for (var j = 0u; j < 2u; j++) {
      var s = Sums();
      if ((params.relative | params.biased) != 0u) {
        s = subgroupMatrixLoad<Sums, row_major>(&terms, own_terms + first + 16u * j, 4u * params.quads);
      }
      // unroll
      for (var c = 0u; c < 4u; c++) {
        if (c < parts) {
          let q = subgroupMatrixLoad<Right, col_major>(&staged, 16u * j * STEP + 4u * c, STEP);
          s = subgroupMatrixMultiplyAccumulate(k[c], q, s);
          let g = subgroupMatrixLoad<Right, col_major>(&staged, (TILE + 16u * j) * STEP + 4u * c, STEP);
          products[j] = subgroupMatrixMultiplyAccumulate(v[c], g, products[j]);
        }
      }
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u * j, s, PITCH);
    }
    workgroupBarrier();
    var s = lane_scores(it);
    workgroupBarrier();
    // unroll
    for (var j = 0u; j < 2u; j++) {
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u * j, products[j], PITCH);
    }
    workgroupBarrier();
    var dp = lane_scores(it);
    let queries = first / 4u + 4u * it.half;
    var p = mat4x4f();
    var ds = mat4x4f();
    // unroll
    for (var i = 0u; i < 4u; i++) {
      let columns = columns_of(it, queries + i, line, s[i], dp[i], scale.x);
      p[i] = MAGNIFIED * columns.p;
      ds[i] = columns.ds;
    }
    write_weights(it, 0u, p);
    write_weights(it, 8u, ds);
    workgroupBarrier();
    // unroll
    for (var j = 0u; j < 2u; j++) {
      let p = subgroupMatrixLoad<Left, row_major>(&weights, it.own * STEP + 4u * j, STEP);
      let ds = subgroupMatrixLoad<Left, row_major>(&weights, it.own * STEP + 8u + 4u * j, STEP);
      // unroll
      for (var c = 0u; c < 4u; c++) {
        if (c < parts) {
          let g = subgroupMatrixLoad<Right, row_major>(&staged, (TILE + 16u * j) * STEP + 4u * c, STEP);
          dv[c] = subgroupMatrixMultiplyAccumulate(p, g, dv[c]);
          let q = subgroupMatrixLoad<Right, row_major>(&staged, 16u * j * STEP + 4u * c, STEP);
          dk[c] = subgroupMatrixMultiplyAccumulate(ds, q, dk[c]);
        }
      }
    }
  }
  // unroll
  for (var c = 0u; c < 4u; c += 2u) {
    if (c < parts) {
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH, dk[c], PITCH);
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u, dk[c + 1u], PITCH);
      workgroupBarrier();
      write_gradient(it, group, lane, 0u, 4u * c, scale.y);
      workgroupBarrier();
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH, dv[c], PITCH);
      subgroupMatrixStore<row_major>(&scores, it.own * PITCH + 16u, dv[c + 1u], PITCH);
      workgroupBarrier();
      write_gradient(it, group, lane, 1u, 4u * c, scale.y / MAGNIFIED);
      workgroupBarrier();
    }
  }
}

// writes 32 channels of the gradient of k or v (part 0 or 1), from the vec4 `channel` of the head on
fn write_gradient(it: Item, group: vec3u, lane: u32, part: u32, channel: u32, scale: f32) {
  let c = channel + lane % 8u;
  if (c >= params.head4) { return; }
  for (var r = lane / 8u; r < OWN; r += 16u) {
    let position = own_key(group, r);
    if (position >= params.length) { continue; }
    let row = row_of(it.window, position);
    let at = r * PITCH + lane % 8u * 4u;
    let value = scale * vec4f(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
    let column = part * params.channels4 + it.head * params.head4 + c;
    if (row < params.tokens) {
      store((row * 3u + 1u) * params.channels4 + column, value);
    } else {
      dpads[2u * params.channels4 * (row - params.tokens) + column] = value;
    }
  }
}
