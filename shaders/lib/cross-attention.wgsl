// Attention softmax(scale q kᵀ) v between separate q, k and v (rows, C), where one side of each batch has a few rows only: the
// mask decoder's prompt tokens, against the cells of the image or among themselves. No scores are stored. A shader that uses
// this text declares the type Head, the numbers of one head of a row, and its arithmetic. Head h of row r is element
// r heads + h of a tensor. Keys from a batch's count on get probability 0 and gradient 0. The side with many rows may belong to
// images rather than to batches: then images says whose rows a batch reads, and its gradients are still one for each batch.
//
// Few keys, any number of queries: a lane has one head of one query and loops over the keys.
//   few_keys_forward:  out. 4 FLOPs a score and dimension. Grid: (ceil(queries heads / 128), batches).
//   few_keys_backward: dq, and the sums of dk and dv over parts of the queries. 10 FLOPs a score and dimension. The weights of a
//     block of 128 / heads queries go through workgroup memory (16 KiB) to the lanes that own one head of one key and add them
//     up. Grid: (chunks, batches).
//   few_keys_sum: dk and dv, the sums of the parts in their order. Grid: grid1d(batches keys heads, 64).
// Few queries, any number of keys: the keys are divided into parts, whose results are combined afterwards.
//   few_queries_parts: a lane has one head of one query and loops over its share of a chunk of keys. Grid: (chunks, batches).
//   few_queries_forward: out and the logarithms of the sums of exp(score). Grid: grid1d(batches queries heads, 64).
//   few_queries_prepare: for the backward pass, all that a key needs of one head of a query. Grid: the same.
//   few_queries_backward: dk and dv, and the sums of dq over parts of the keys, as few_keys_backward. Grid: (chunks, batches).
//   few_queries_sum: dq. Grid: grid1d(batches queries heads, 64).
// Kernels with a grid of chunks need heads to be a power of two up to 16, and at most 16 rows on the side with few.

struct Params {
  batches: u32,
  heads: u32,
  queries: u32, // of a batch
  keys: u32,    // of a batch
  chunk: u32,   // rows of the side with many that one workgroup processes
  chunks: u32,
  slots: u32,   // a power of two, at least the number of rows on the side with few
  subsets: u32, // lanes that share the rows of a chunk: this many parts come from each
  masked: u32,  // 1: counts are given
  by_image: u32, // 1: images are given
  keep: u32,    // few_queries_forward: 1 to write the logarithms
  add_q: u32, add_k: u32, add_v: u32, // 1: add to the gradient
  scale: f32,
}

// few_queries_*: the result for a part of the keys; the largest score, and the sum of exp(score - top)
struct KeyPart { result: Head, top: f32, sum: f32 }
// a query, the gradient of its output, the logarithm of its sum of exp(score), and sum(gradient output)
struct Query { q: Head, gradient: Head, log_sum: f32, mean: f32 }
// few_keys_backward: the gradients from a part of the queries
struct QueryPart { k: Head, v: Head }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<Head>;
@group(0) @binding(2) var<storage, read> k: array<Head>;
@group(0) @binding(3) var<storage, read> v: array<Head>;
@group(0) @binding(4) var<storage, read> counts: array<u32>; // (batches): keys that count
@group(0) @binding(5) var<storage, read> images: array<u32>; // (batches): whose rows on the side with many
@group(0) @binding(6) var<storage, read_write> out: array<Head>;
@group(0) @binding(7) var<storage, read> dout: array<Head>;
@group(0) @binding(8) var<storage, read_write> dq: array<Head>;
@group(0) @binding(9) var<storage, read_write> dk: array<Head>;
@group(0) @binding(10) var<storage, read_write> dv: array<Head>;
// (batches, parts, rows of the side with few, heads)
@group(0) @binding(11) var<storage, read_write> key_parts_out: array<KeyPart>;
@group(0) @binding(12) var<storage, read> key_parts: array<KeyPart>;
@group(0) @binding(13) var<storage, read_write> query_parts_out: array<QueryPart>;
@group(0) @binding(14) var<storage, read> query_parts: array<QueryPart>;
@group(0) @binding(15) var<storage, read_write> dq_parts_out: array<Head>;
@group(0) @binding(16) var<storage, read> dq_parts: array<Head>;
@group(0) @binding(17) var<storage, read_write> log_sums_out: array<f32>;   // (batches, queries, heads)
@group(0) @binding(18) var<storage, read> log_sums: array<f32>;
@group(0) @binding(19) var<storage, read> forward_out: array<Head>;         // out of the forward pass
@group(0) @binding(20) var<storage, read_write> prepared_out: array<Query>; // (batches, queries, heads)
@group(0) @binding(21) var<storage, read> prepared: array<Query>;

// use: workgroup-index

const LANES = 128u;
const LOWEST = -3.0e38;

// numbers of a slot and a lane, see `place`: a row's scores and then its weights, and the gradients of both
var<workgroup> weights: array<f32, 2048>;
var<workgroup> slopes: array<f32, 2048>;

fn count_of(batch: u32) -> u32 {
  if (params.masked == 0u) { return params.keys; }
  return min(counts[batch], params.keys);
}

// the batch or image whose rows a batch reads on the side with many
fn source_of(batch: u32) -> u32 {
  if (params.by_image == 0u) { return batch; }
  return images[batch];
}

// The lanes that read one row of several slots and all heads read from different banks.
fn place(slot: u32, lane: u32) -> u32 {
  return slot * LANES + (lane ^ ((slot * params.heads) & 31u));
}

fn inverse(sum: f32) -> f32 {
  return select(0.0, 1.0 / sum, sum > 0.0);
}

@compute @workgroup_size(128)
fn few_keys_forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let each = params.queries * params.heads;
  let i = group.x * LANES + lane;
  if (i >= each) { return; }
  let batch = group.y;
  let count = count_of(batch);
  let query = q[source_of(batch) * each + i];
  var key = batch * params.keys * params.heads + i % params.heads;
  var top = LOWEST;
  var sum = 0.0;
  var result = Head();
  for (var t = 0u; t < count; t++) {
    let s = params.scale * dot_heads(query, k[key]);
    let next = max(top, s);
    let before = exp(top - next);
    let weight = exp(s - next);
    sum = fma(sum, before, weight);
    result = sum_heads(before, result, weight, v[key]);
    top = next;
    key += params.heads;
  }
  out[batch * each + i] = times(inverse(sum), result);
}

@compute @workgroup_size(128)
fn few_keys_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.y;
  let heads = params.heads;
  let count = count_of(batch);
  let rows = LANES / heads;
  let end = min((group.x + 1u) * params.chunk, params.queries);
  let first_query = source_of(batch) * params.queries * heads;
  let first_out = batch * params.queries * heads;
  let first_key = batch * params.keys * heads;
  // in the second half of a block a lane owns head `head` of key `slot`, and every subsets-th query
  let head = lane % heads;
  let slot = lane / heads % params.slots;
  let subset = lane / heads / params.slots;
  var own = QueryPart();
  for (var start = group.x * params.chunk; start < end; start += rows) {
    let query = start + lane / heads;
    let inside = query < end;
    let at = min(query, params.queries - 1u) * heads + head;
    let this_q = q[first_query + at];
    let gradient = dout[first_out + at];
    var top = LOWEST;
    for (var t = 0u; t < count; t++) {
      let key = first_key + t * heads + head;
      let s = params.scale * dot_heads(this_q, k[key]);
      weights[place(t, lane)] = s;
      slopes[place(t, lane)] = dot_heads(gradient, v[key]);
      top = max(top, s);
    }
    var sum = 0.0;
    var mean = 0.0;
    for (var t = 0u; t < count; t++) {
      let weight = exp(weights[place(t, lane)] - top);
      weights[place(t, lane)] = weight;
      sum += weight;
      mean = fma(weight, slopes[place(t, lane)], mean);
    }
    let factor = select(0.0, inverse(sum), inside);
    mean *= factor;
    var dquery = Head();
    for (var t = 0u; t < count; t++) {
      let p = weights[place(t, lane)] * factor;
      let slope = params.scale * p * (slopes[place(t, lane)] - mean);
      weights[place(t, lane)] = p;
      slopes[place(t, lane)] = slope;
      dquery = add_times(dquery, slope, k[first_key + t * heads + head]);
    }
    if (inside) {
      if (params.add_q != 0u) { dquery = add_times(dquery, 1.0, dq[first_out + at]); }
      dq[first_out + at] = dquery;
    }
    workgroupBarrier();
    if (slot < count && subset < params.subsets) {
      for (var row = subset; row < min(rows, end - start); row += params.subsets) {
        let there = (start + row) * heads + head;
        let p = place(slot, row * heads + head);
        own.k = add_times(own.k, slopes[p], q[first_query + there]);
        own.v = add_times(own.v, weights[p], dout[first_out + there]);
      }
    }
    workgroupBarrier();
  }
  if (slot < params.keys && subset < params.subsets) {
    let part = (batch * params.chunks + group.x) * params.subsets + subset;
    query_parts_out[(part * params.keys + slot) * heads + head] = own;
  }
}

@compute @workgroup_size(64)
fn few_keys_sum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let each = params.keys * params.heads;
  let i = workgroup_index(group, groups) * 64u + lane;
  if (i >= params.batches * each) { return; }
  let count = params.chunks * params.subsets;
  let first = i / each * count * each + i % each;
  var dkey = Head();
  var dvalue = Head();
  for (var part = 0u; part < count; part++) {
    dkey = add_times(dkey, 1.0, query_parts[first + part * each].k);
    dvalue = add_times(dvalue, 1.0, query_parts[first + part * each].v);
  }
  if (params.add_k != 0u) { dkey = add_times(dkey, 1.0, dk[i]); }
  if (params.add_v != 0u) { dvalue = add_times(dvalue, 1.0, dv[i]); }
  dk[i] = dkey;
  dv[i] = dvalue;
}

@compute @workgroup_size(128)
fn few_queries_parts(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.y;
  let heads = params.heads;
  // neighbouring lanes have queries of one head, and read the same keys
  let slot = lane % params.slots;
  let head = lane / params.slots % heads;
  let subset = lane / params.slots / heads;
  if (slot >= params.queries || subset >= params.subsets) { return; }
  let end = min((group.x + 1u) * params.chunk, count_of(batch));
  let query = q[(batch * params.queries + slot) * heads + head];
  let first_key = source_of(batch) * params.keys * heads + head;
  var top = LOWEST;
  var sum = 0.0;
  var result = Head();
  for (var t = group.x * params.chunk + subset; t < end; t += params.subsets) {
    let key = first_key + t * heads;
    let s = params.scale * dot_heads(query, k[key]);
    let next = max(top, s);
    let before = exp(top - next);
    let weight = exp(s - next);
    sum = fma(sum, before, weight);
    result = sum_heads(before, result, weight, v[key]);
    top = next;
  }
  let part = (batch * params.chunks + group.x) * params.subsets + subset;
  key_parts_out[(part * params.queries + slot) * heads + head] = KeyPart(result, top, sum);
}

@compute @workgroup_size(64)
fn few_queries_forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let each = params.queries * params.heads;
  let i = workgroup_index(group, groups) * 64u + lane;
  if (i >= params.batches * each) { return; }
  let count = params.chunks * params.subsets;
  let first = i / each * count * each + i % each;
  var top = LOWEST;
  for (var part = 0u; part < count; part++) { top = max(top, key_parts[first + part * each].top); }
  var sum = 0.0;
  var result = Head();
  for (var part = 0u; part < count; part++) {
    let at = first + part * each;
    let weight = exp(key_parts[at].top - top);
    sum = fma(weight, key_parts[at].sum, sum);
    result = add_times(result, weight, key_parts[at].result);
  }
  out[i] = times(inverse(sum), result);
  if (params.keep != 0u) { log_sums_out[i] = top + log(sum); }
}

@compute @workgroup_size(64)
fn few_queries_prepare(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_index(group, groups) * 64u + lane;
  if (i >= params.batches * params.queries * params.heads) { return; }
  let gradient = dout[i];
  prepared_out[i] = Query(q[i], gradient, log_sums[i], dot_heads(gradient, forward_out[i]));
}

@compute @workgroup_size(128)
fn few_queries_backward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let batch = group.y;
  let heads = params.heads;
  let rows = LANES / heads;
  let end = min((group.x + 1u) * params.chunk, params.keys);
  let count = min(end, count_of(batch));
  let first_key = source_of(batch) * params.keys * heads;
  let first_out = batch * params.keys * heads;
  let first_query = batch * params.queries * heads;
  // in the second half of a block a lane owns head `head` of query `slot`, and every subsets-th key
  let head = lane % heads;
  let slot = lane / heads % params.slots;
  let subset = lane / heads / params.slots;
  var dquery = Head();
  for (var start = group.x * params.chunk; start < end; start += rows) {
    let key = start + lane / heads;
    let at = key * heads + head;
    var dkey = Head();
    var dvalue = Head();
    if (key < count) {
      let this_k = k[first_key + at];
      let this_v = v[first_key + at];
      for (var t = 0u; t < params.queries; t++) {
        let query = first_query + t * heads + head;
        let p = exp(params.scale * dot_heads(prepared[query].q, this_k) - prepared[query].log_sum);
        let slope = params.scale * p * (dot_heads(prepared[query].gradient, this_v) - prepared[query].mean);
        slopes[place(t, lane)] = slope;
        dkey = add_times(dkey, slope, prepared[query].q);
        dvalue = add_times(dvalue, p, prepared[query].gradient);
      }
    }
    if (key < end) {
      if (params.add_k != 0u) { dkey = add_times(dkey, 1.0, dk[first_out + at]); }
      if (params.add_v != 0u) { dvalue = add_times(dvalue, 1.0, dv[first_out + at]); }
      dk[first_out + at] = dkey;
      dv[first_out + at] = dvalue;
    }
    workgroupBarrier();
    if (slot < params.queries && subset < params.subsets && start < count) {
      for (var row = subset; row < min(rows, count - start); row += params.subsets) {
        let there = row * heads + head;
        dquery = add_times(dquery, slopes[place(slot, there)], k[first_key + start * heads + there]);
      }
    }
    workgroupBarrier();
  }
  if (slot < params.queries && subset < params.subsets) {
    let part = (batch * params.chunks + group.x) * params.subsets + subset;
    dq_parts_out[(part * params.queries + slot) * heads + head] = dquery;
  }
}

@compute @workgroup_size(64)
fn few_queries_sum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let each = params.queries * params.heads;
  let i = workgroup_index(group, groups) * 64u + lane;
  if (i >= params.batches * each) { return; }
  let count = params.chunks * params.subsets;
  let first = i / each * count * each + i % each;
  var sum = Head();
  for (var part = 0u; part < count; part++) { sum = add_times(sum, 1.0, dq_parts[first + part * each]); }
  if (params.add_q != 0u) { sum = add_times(sum, 1.0, dq[i]); }
  dq[i] = sum;
}
