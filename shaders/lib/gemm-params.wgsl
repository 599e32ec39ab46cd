// Parameters and tensors of a matrix product (engine/ops/gemm.ts); all counts and distances are in f32 elements. Tensors are
// read and written by Element, f32 or vec4f, except lora_left, which each shader declares itself, and what the epilogue declares.
struct Params {
  m: u32, n: u32, k: u32, heads: u32,
  lda: u32, ldb: u32, ldc: u32, ld_left: u32, // from row to row
  a_offset: u32, b_offset: u32, c_offset: u32,
  a_batch: u32, b_batch: u32, c_batch: u32,   // from batch to batch
  a_head: u32, b_head: u32, c_head: u32,      // from head to head
  alpha: f32,
  bias: u32, activation: u32, residual: u32, accumulate: u32, keep_pre: u32, // 1: yes; activation 1: exact GELU, 2: ReLU; see epilogues
  extensions: u32,        // parts of the LoRA term
  rank: u32, ext_scale: f32,
  ext: array<vec4u, 4>,   // of each part: first and end column of c, first column of lora_left, start in lora_right
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Element>;
@group(0) @binding(2) var<storage, read> b: array<Element>;
@group(0) @binding(3) var<storage, read_write> c: array<Element>;
@group(0) @binding(4) var<storage, read> bias_values: array<Element>;
@group(0) @binding(8) var<storage, read> lora_right: array<Element>;

// where a, b and c of a batch and head start; z is the grid's
fn starts_of(z: u32) -> vec3u {
  let batch = z / params.heads;
  let head = z % params.heads;
  return vec3u(
    params.a_offset + batch * params.a_batch + head * params.a_head,
    params.b_offset + batch * params.b_batch + head * params.b_head,
    params.c_offset + batch * params.c_batch + head * params.c_head,
  );
}
