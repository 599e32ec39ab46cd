// The matrix products of gemm-direct.wgsl, with the same parameters, tensors, LoRA term and epilogue, by subgroups of at
// least 8 lanes: for software adapters. 2 m n k FLOPs.
//   subgroup_nt: a (m, k), b (n, k)    subgroup_nn: a (m, k), b (k, n)    subgroup_tn: a (k, m), b (k, n)
// Memory is read four floats at a time: lda, ldb, ldc, n, all offsets and all strides between batches and heads are multiples
// of 4; for nt and nn also k and, with a LoRA term, ld_left, rank and the members of ext. m is free, and in tn also k.
// Grid: (ceil(n / 32), ceil(m / 16), batches * heads).
//
// On a software adapter a load costs the same whether its lanes read one address or eight, and ten times as much as a
// multiplication. So no two lanes read the same element: a workgroup is 8 lanes, each with 16 rows by 4 columns of c in
// registers. For 4 steps of k a lane reads six vec4 for 64 multiply-adds of vec4 (its part of a reaches the other lanes by
// broadcasts, which cost next to nothing), where direct4_tn reads sixteen and direct4_nn twenty-four. On GPUs
// gemm-shared.wgsl loads still less.
enable subgroups;

alias Element = vec4f;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;

// The outputs of a workgroup and a lane, and where their matrices start. Columns, starts and strides count vec4.
struct Place {
  row: u32,    // first of 16
  column: u32, // of this lane
  within: u32, // the same, but at most the matrix's last: where it reads
  a: u32, b: u32, c: u32,
  lda: u32, ldb: u32, ldc: u32,
}

fn place_of(wg: vec3u, lane: u32) -> Place {
  let start = starts_of(wg.z) / 4u;
  let column = wg.x * 8u + lane;
  return Place(
    wg.y * 16u, column, min(column, params.n / 4u - 1u),
    start.x, start.y, start.z,
    params.lda / 4u, params.ldb / 4u, params.ldc / 4u,
  );
}

// the lane's row of a workgroup's first eight and of its last eight; rows beyond the matrix repeat its last one
fn rows_of(p: Place, lane: u32) -> vec2u {
  return min(vec2u(p.row + lane, p.row + 8u + lane), vec2u(params.m - 1u));
}

// what four rows add to their sums: x of lanes 0 to 3, or 4 to 7, each times this lane's four columns of b
fn first_four(x: f32, v: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(x, 0u) * v, subgroupBroadcast(x, 1u) * v, subgroupBroadcast(x, 2u) * v, subgroupBroadcast(x, 3u) * v);
}

fn last_four(x: f32, v: vec4f) -> mat4x4f {
  return mat4x4f(
    subgroupBroadcast(x, 4u) * v, subgroupBroadcast(x, 5u) * v, subgroupBroadcast(x, 6u) * v, subgroupBroadcast(x, 7u) * v);
}

fn outer(x: vec4f, v: vec4f) -> mat4x4f {
  return mat4x4f(x.x * v, x.y * v, x.z * v, x.w * v);
}

// stores row i of the 16
fn store(p: Place, i: u32, sum: vec4f) {
  if (p.row + i >= params.m || p.column >= params.n / 4u) { return; }
  store_output(p.c + (p.row + i) * p.ldc + p.column, p.column, sum);
}

// stores the 16 rows, by a loop over rotating registers, which keeps the code short
fn store_all(p: Place, s0: mat4x4f, s1: mat4x4f, s2: mat4x4f, s3: mat4x4f) {
  var s = s0; var next = s1; var third = s2; var fourth = s3;
  for (var i = 0u; i < 16u; i += 4u) {
    for (var j = 0u; j < 4u; j++) {
      store(p, i + j, s[0]);
      s = mat4x4f(s[1], s[2], s[3], s[0]);
    }
    s = next; next = third; third = fourth;
  }
}

@compute @workgroup_size(8)
fn subgroup_nt(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = place_of(wg, lane);
  let rows = rows_of(p, lane);
  let i = p.a + rows * p.lda;
  let j = p.b + (p.within * 4u + vec4u(0u, 1u, 2u, 3u)) * p.ldb;
  var s0 = mat4x4f(); var s1 = mat4x4f(); var s2 = mat4x4f(); var s3 = mat4x4f();
  for (var k = 0u; k < params.k / 4u; k++) {
    let u0 = a[i.x + k];
    let u1 = a[i.y + k];
    let v = transpose(mat4x4f(b[j.x + k], b[j.y + k], b[j.z + k], b[j.w + k]));
    s0 += first_four(u0.x, v[0]); s1 += last_four(u0.x, v[0]); s2 += first_four(u1.x, v[0]); s3 += last_four(u1.x, v[0]);
    s0 += first_four(u0.y, v[1]); s1 += last_four(u0.y, v[1]); s2 += first_four(u1.y, v[1]); s3 += last_four(u1.y, v[1]);
    s0 += first_four(u0.z, v[2]); s1 += last_four(u0.z, v[2]); s2 += first_four(u1.z, v[2]); s3 += last_four(u1.z, v[2]);
    s0 += first_four(u0.w, v[3]); s1 += last_four(u0.w, v[3]); s2 += first_four(u1.w, v[3]); s3 += last_four(u1.w, v[3]);
  }
  s0 *= params.alpha; s1 *= params.alpha; s2 *= params.alpha; s3 *= params.alpha;
  for (var e = 0u; e < params.extensions; e++) {
    let ext = params.ext[e];
    let h = rows * (params.ld_left / 4u) + ext.z / 4u;
    // lanes whose columns this part of the LoRA term does not have read other columns, scaled by 0
    let column = clamp(p.within * 4u, ext.x, ext.y - 4u);
    let scale = select(0.0, params.ext_scale, column == p.within * 4u);
    let l = (ext.w + (column - ext.x + vec4u(0u, 1u, 2u, 3u)) * params.rank) / 4u;
    for (var k = 0u; k < params.rank / 4u; k++) {
      let u0 = lora_left[h.x + k];
      let u1 = lora_left[h.y + k];
      let v = scale * transpose(mat4x4f(lora_right[l.x + k], lora_right[l.y + k], lora_right[l.z + k], lora_right[l.w + k]));
      s0 += first_four(u0.x, v[0]); s1 += last_four(u0.x, v[0]); s2 += first_four(u1.x, v[0]); s3 += last_four(u1.x, v[0]);
      s0 += first_four(u0.y, v[1]); s1 += last_four(u0.y, v[1]); s2 += first_four(u1.y, v[1]); s3 += last_four(u1.y, v[1]);
      s0 += first_four(u0.z, v[2]); s1 += last_four(u0.z, v[2]); s2 += first_four(u1.z, v[2]); s3 += last_four(u1.z, v[2]);
      s0 += first_four(u0.w, v[3]); s1 += last_four(u0.w, v[3]); s2 += first_four(u1.w, v[3]); s3 += last_four(u1.w, v[3]);
    }
  }
  store_all(p, s0, s1, s2, s3);
}

@compute @workgroup_size(8)
fn subgroup_nn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = place_of(wg, lane);
  let rows = rows_of(p, lane);
  let i = p.a + rows * p.lda;
  let j = p.b + p.within;
  var s0 = mat4x4f(); var s1 = mat4x4f(); var s2 = mat4x4f(); var s3 = mat4x4f();
  for (var k = 0u; k < params.k / 4u; k++) {
    let u0 = a[i.x + k];
    let u1 = a[i.y + k];
    let l = j + (4u * k + vec4u(0u, 1u, 2u, 3u)) * p.ldb;
    let v = mat4x4f(b[l.x], b[l.y], b[l.z], b[l.w]);
    s0 += first_four(u0.x, v[0]); s1 += last_four(u0.x, v[0]); s2 += first_four(u1.x, v[0]); s3 += last_four(u1.x, v[0]);
    s0 += first_four(u0.y, v[1]); s1 += last_four(u0.y, v[1]); s2 += first_four(u1.y, v[1]); s3 += last_four(u1.y, v[1]);
    s0 += first_four(u0.z, v[2]); s1 += last_four(u0.z, v[2]); s2 += first_four(u1.z, v[2]); s3 += last_four(u1.z, v[2]);
    s0 += first_four(u0.w, v[3]); s1 += last_four(u0.w, v[3]); s2 += first_four(u1.w, v[3]); s3 += last_four(u1.w, v[3]);
  }
  s0 *= params.alpha; s1 *= params.alpha; s2 *= params.alpha; s3 *= params.alpha;
  for (var e = 0u; e < params.extensions; e++) {
    let ext = params.ext[e];
    let h = rows * (params.ld_left / 4u) + ext.z / 4u;
    for (var k = 0u; k < params.rank / 4u; k++) {
      let u0 = lora_left[h.x + k];
      let u1 = lora_left[h.y + k];
      let l = ext.w / 4u + p.within + (4u * k + vec4u(0u, 1u, 2u, 3u)) * (params.n / 4u);
      let v = params.ext_scale * mat4x4f(lora_right[l.x], lora_right[l.y], lora_right[l.z], lora_right[l.w]);
      s0 += first_four(u0.x, v[0]); s1 += last_four(u0.x, v[0]); s2 += first_four(u1.x, v[0]); s3 += last_four(u1.x, v[0]);
      s0 += first_four(u0.y, v[1]); s1 += last_four(u0.y, v[1]); s2 += first_four(u1.y, v[1]); s3 += last_four(u1.y, v[1]);
      s0 += first_four(u0.z, v[2]); s1 += last_four(u0.z, v[2]); s2 += first_four(u1.z, v[2]); s3 += last_four(u1.z, v[2]);
      s0 += first_four(u0.w, v[3]); s1 += last_four(u0.w, v[3]); s2 += first_four(u1.w, v[3]); s3 += last_four(u1.w, v[3]);
    }
  }
  store_all(p, s0, s1, s2, s3);
}

// Here a lane reads eight rows of a at one of four steps of k: lanes 2 q and 2 q + 1 read those of step k + q.
@compute @workgroup_size(8)
fn subgroup_tn(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = place_of(wg, lane);
  let i = p.a + min(p.row / 4u + vec2u(lane & 1u, 2u + (lane & 1u)), vec2u((params.m - 1u) / 4u));
  let j = p.b + p.within;
  let last = params.k - 1u;
  var s0 = mat4x4f(); var s1 = mat4x4f(); var s2 = mat4x4f(); var s3 = mat4x4f();
  for (var k = 0u; k < params.k; k += 4u) {
    let step = k + (lane >> 1u);
    let at = i + min(step, last) * p.lda;
    let u0 = select(vec4f(), a[at.x], step <= last);
    let u1 = select(vec4f(), a[at.y], step <= last);
    let l = j + min(k + vec4u(0u, 1u, 2u, 3u), vec4u(last)) * p.ldb;
    let v = mat4x4f(b[l.x], b[l.y], b[l.z], b[l.w]);
    s0 += outer(subgroupBroadcast(u0, 0u), v[0]); s1 += outer(subgroupBroadcast(u0, 1u), v[0]);
    s2 += outer(subgroupBroadcast(u1, 0u), v[0]); s3 += outer(subgroupBroadcast(u1, 1u), v[0]);
    s0 += outer(subgroupBroadcast(u0, 2u), v[1]); s1 += outer(subgroupBroadcast(u0, 3u), v[1]);
    s2 += outer(subgroupBroadcast(u1, 2u), v[1]); s3 += outer(subgroupBroadcast(u1, 3u), v[1]);
    s0 += outer(subgroupBroadcast(u0, 4u), v[2]); s1 += outer(subgroupBroadcast(u0, 5u), v[2]);
    s2 += outer(subgroupBroadcast(u1, 4u), v[2]); s3 += outer(subgroupBroadcast(u1, 5u), v[2]);
    s0 += outer(subgroupBroadcast(u0, 6u), v[3]); s1 += outer(subgroupBroadcast(u0, 7u), v[3]);
    s2 += outer(subgroupBroadcast(u1, 6u), v[3]); s3 += outer(subgroupBroadcast(u1, 7u), v[3]);
  }
  s0 *= params.alpha; s1 *= params.alpha; s2 *= params.alpha; s3 *= params.alpha;
  store_all(p, s0, s1, s2, s3);
}
