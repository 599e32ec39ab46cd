// The epilogue of matrix products: stores act(sum + bias) + residual (+ old c) at place `at` of c, in its column `column`.
// Both count Elements.
// use: gelu
@group(0) @binding(5) var<storage, read> residual_values: array<Element>;
@group(0) @binding(6) var<storage, read_write> pre: array<Element>;

fn activate(x: Element) -> Element {
  if (params.activation == 1u) { return gelu(x); }
  if (params.activation == 2u) { return max(x, Element(0.0)); }
  return x;
}

fn store_output(at: u32, column: u32, sum: Element) {
  var v = sum;
  if (params.bias != 0u) { v += bias_values[column]; }
  if (params.keep_pre != 0u) { pre[at] = v; }
  v = activate(v);
  if (params.residual != 0u) { v += residual_values[at]; }
  if (params.accumulate != 0u) { v += c[at]; }
  c[at] = v;
}
