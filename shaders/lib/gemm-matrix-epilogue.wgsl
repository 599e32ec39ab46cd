// The epilogue of matrix products on matrix units: stores act(sum + bias) + residual (+ old c) at place `at` of c, in its column
// `column`. Both count vec4. Beyond gemm-epilogue,
//   residual 2, 3: the product is a gradient; instead of adding residual_values it is multiplied by GELU's slope at them. They
//     are the input of that GELU, in f32 (2) or f16 (3).
//   keep_pre 2: the value before the activation is kept in f16, and clamped to its range.
//   keep_pre 3: `pre` receives the largest magnitude of what each workgroup stores, see store_largest.
//   keep_pre 4: as 2 for all of c, and as 3 behind that.
// f16 are two in a word, the first in its low bits.
// use: gelu, gelu-slope
@group(0) @binding(5) var<storage, read> residual_values: array<vec4u>;
@group(0) @binding(6) var<storage, read_write> pre: array<vec2u>;

var<private> top: vec4u; // the largest bits, without the sign, of what this lane has stored

fn activate(x: vec4f) -> vec4f {
  if (params.activation == 1u) { return gelu(x); }
  if (params.activation == 2u) { return max(x, vec4f()); }
  return x;
}

fn keep(at: u32, v: vec4f) {
  if (params.keep_pre == 1u) {
    pre[2u * at] = bitcast<vec2u>(v.xy);
    pre[2u * at + 1u] = bitcast<vec2u>(v.zw);
  } else if (params.keep_pre == 2u || params.keep_pre == 4u) {
    let h = clamp(v, vec4f(-65504.0), vec4f(65504.0));
    pre[at] = vec2u(pack2x16float(h.xy), pack2x16float(h.zw));
  }
}

fn residual_at(at: u32) -> vec4f {
  if (params.residual < 3u) { return bitcast<vec4f>(residual_values[at]); }
  let words = residual_values[at / 2u];
  let two = select(words.xy, words.zw, at % 2u == 1u);
  return vec4f(unpack2x16float(two.x), unpack2x16float(two.y));
}

fn store_output(at: u32, column: u32, sum: vec4f) {
  var v = sum;
  if (params.bias != 0u) { v += bias_values[column]; }
  keep(at, v);
  v = activate(v);
  if (params.residual == 1u) {
    v += residual_at(at);
  } else if (params.residual != 0u) {
    v *= gelu_slope(residual_at(at));
  }
  if (params.accumulate != 0u) { v += c[at]; }
  c[at] = v;
  top = max(top, bitcast<vec4u>(v) & vec4u(0x7fffffffu));
}

// The words that operand-scale.wgsl finds for an operand by reading it, for a product that will read c: two for each workgroup.
fn store_largest(wg: vec3u, groups: vec3u, lane: u32) {
  if (params.keep_pre < 3u) { return; }
  let start = select(0u, params.m * params.n / 4u, params.keep_pre == 4u);
  // the memory of the outputs is free now; it is moved and compared as bits
  var largest = max(max(top.x, top.y), max(top.z, top.w));
  workgroupBarrier();
  outputs[lane] = bitcast<f32>(largest);
  workgroupBarrier();
  for (var width = LANES / 2u; width > 0u; width /= 2u) {
    if (lane < width) {
      largest = max(largest, bitcast<u32>(outputs[lane + width]));
      outputs[lane] = bitcast<f32>(largest);
    }
    workgroupBarrier();
  }
  if (lane == 0u) { pre[start + (wg.z * groups.y + wg.y) * groups.x + wg.x] = vec2u(largest); }
}
