// The sum over k of a matrix product in parts: first a b, then each part of the LoRA term. Starts and strides count vec4.
struct Part {
  lora: bool,
  steps: u32,
  a: u32, lda: u32,
  b: u32, ldb: u32,
  first: u32, end: u32, // columns of c that it adds to
  scale: f32,
}

fn read_a(lora: bool, at: u32) -> vec4f {
  if (lora) { return lora_left[at]; }
  return a[at];
}

fn read_b(lora: bool, at: u32) -> vec4f {
  if (lora) { return lora_right[at]; }
  return b[at];
}

// part e of the sum, 0 being a b; by_columns: a column's rank elements in lora_right are together, else n apart
fn part_of(e: u32, wg: vec3u, by_columns: bool) -> Part {
  if (e == 0u) {
    let start = starts_of(wg.z) / 4u;
    return Part(false, params.k, start.x, params.lda / 4u, start.y, params.ldb / 4u, 0u, params.n, params.alpha);
  }
  let ext = params.ext[e - 1u];
  if (by_columns) {
    return Part(
      true, params.rank, ext.z / 4u, params.ld_left / 4u, ext.w / 4u, params.rank / 4u, ext.x, ext.y, params.ext_scale);
  }
  return Part(
    true, params.rank, ext.z / 4u, params.ld_left / 4u, ext.w / 4u, params.n / 4u, 0u, params.n, params.ext_scale);
}
