// The matrix products of gemm-shared4.wgsl, with the same parameters, tensors, LoRA term, epilogue and alignment, for large
// products: blocks of 128 x 64, 8 x 8 outputs a lane. Grid: (ceil(n / 64), ceil(m / 128), batches * heads). 2 m n k FLOPs.
//   medium_nt: a (m, k), b (n, k)    medium_nn: a (m, k), b (k, n)    medium_tn: a (k, m), b (k, n)
// For products with too few blocks of gemm-large.wgsl to give every compute unit the same number of them. 12 KiB.
alias Element = vec4f;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;

const BLOCK_COLUMNS = 64u;
const ROW_QUADS = 2u; // of a lane
const SUMS = 16u;
alias Sums = array<vec4f, 16>;
// use: gemm-parts, gemm-blocks, gemm-tiles

@compute @workgroup_size(128)
fn medium_nt(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  gemm(wg, groups, lane, true, true);
}

@compute @workgroup_size(128)
fn medium_nn(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  gemm(wg, groups, lane, true, false);
}

@compute @workgroup_size(128)
fn medium_tn(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  gemm(wg, groups, lane, false, false);
}
