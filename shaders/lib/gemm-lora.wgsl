// In a kernel whose lane owns 8 x 8 outputs, rows i0 to i7 by columns j0 to j7, with their sums in s00 to s71: multiplies them
// by alpha and adds the LoRA term. A column's rank elements in lora_right are together (by_columns), or n apart.
// use: gemm-alpha
for (var e = 0u; e < extensions; e++) {
  let begin = select(0u, params.ext[e].x, by_columns);
  let end = select(params.n, params.ext[e].y, by_columns);
  let step = select(params.n, 1u, by_columns);
  let width = select(1u, params.rank, by_columns);
  let first = params.ext[e].w;
  let left = params.ext[e].z;
  let in0 = j0 >= begin && j0 < end; let w0 = first + select(0u, j0 - begin, in0) * width;
  let in1 = j1 >= begin && j1 < end; let w1 = first + select(0u, j1 - begin, in1) * width;
  let in2 = j2 >= begin && j2 < end; let w2 = first + select(0u, j2 - begin, in2) * width;
  let in3 = j3 >= begin && j3 < end; let w3 = first + select(0u, j3 - begin, in3) * width;
  let in4 = j4 >= begin && j4 < end; let w4 = first + select(0u, j4 - begin, in4) * width;
  let in5 = j5 >= begin && j5 < end; let w5 = first + select(0u, j5 - begin, in5) * width;
  let in6 = j6 >= begin && j6 < end; let w6 = first + select(0u, j6 - begin, in6) * width;
  let in7 = j7 >= begin && j7 < end; let w7 = first + select(0u, j7 - begin, in7) * width;
  let scale0 = params.ext_scale * select(vec4f(), vec4f(1.0), vec4<bool>(in0, in1, in2, in3));
  let scale1 = params.ext_scale * select(vec4f(), vec4f(1.0), vec4<bool>(in4, in5, in6, in7));
  for (var r = 0u; r < params.rank; r++) {
    let q = r * step;
    let v0 = scale0 * vec4f(lora_right[w0 + q], lora_right[w1 + q], lora_right[w2 + q], lora_right[w3 + q]);
    let v1 = scale1 * vec4f(lora_right[w4 + q], lora_right[w5 + q], lora_right[w6 + q], lora_right[w7 + q]);
    let u0 = lora_left[i0 * params.ld_left + left + r]; s00 += u0 * v0; s01 += u0 * v1;
    let u1 = lora_left[i1 * params.ld_left + left + r]; s10 += u1 * v0; s11 += u1 * v1;
    let u2 = lora_left[i2 * params.ld_left + left + r]; s20 += u2 * v0; s21 += u2 * v1;
    let u3 = lora_left[i3 * params.ld_left + left + r]; s30 += u3 * v0; s31 += u3 * v1;
    let u4 = lora_left[i4 * params.ld_left + left + r]; s40 += u4 * v0; s41 += u4 * v1;
    let u5 = lora_left[i5 * params.ld_left + left + r]; s50 += u5 * v0; s51 += u5 * v1;
    let u6 = lora_left[i6 * params.ld_left + left + r]; s60 += u6 * v0; s61 += u6 * v1;
    let u7 = lora_left[i7 * params.ld_left + left + r]; s70 += u7 * v0; s71 += u7 * v1;
  }
}
