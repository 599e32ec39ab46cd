// The matrix products of gemm-shared4.wgsl, with the same parameters, tensors, LoRA term, epilogue and alignment, for large
// products: blocks of 128 x 128, 16 x 8 outputs a lane. Grid: (ceil(n / 128), ceil(m / 128), batches * heads). 2 m n k FLOPs.
//   large_nt: a (m, k), b (n, k)    large_nn: a (m, k), b (k, n)    large_tn: a (k, m), b (k, n)
// The tiles take 16 KiB and the sums 128 registers: of a lane's reads from workgroup memory, six serve 128 multiply-adds.
alias Element = vec4f;
// use: gemm-params, gemm-epilogue
@group(0) @binding(7) var<storage, read> lora_left: array<vec4f>;

const BLOCK_COLUMNS = 128u;
const ROW_QUADS = 4u; // of a lane
const SUMS = 32u;
alias Sums = array<vec4f, 32>;
// use: gemm-parts, gemm-blocks, gemm-tiles

@compute @workgroup_size(128)
fn large_nt(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  gemm(wg, groups, lane, true, true);
}

@compute @workgroup_size(128)
fn large_nn(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  gemm(wg, groups, lane, true, false);
}

@compute @workgroup_size(128)
fn large_tn(
  @builtin(workgroup_id) wg: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  gemm(wg, groups, lane, false, false);
}
