// Exact GELU, x Phi(x) with Phi the normal distribution function, computed as max(x, 0) - u Phi(-u) with u = |x|. A polynomial
// approximates log2 Phi(-u), so there is one exp2 and no division. It is fitted in float64: the absolute error is 4e-8, in f32
// 1e-7 for x within +-1; from u = 8 on the last term is below 1e-10. max(x, 0) is written (x + u) / 2, which is as exact: a GPU's
// max and select may turn NaN into 0 (one did), arithmetic does not. Element is f32 or vec4f.
fn gelu(x: Element) -> Element {
  let u = min(abs(x), Element(8.0));
  let p = ((((((4.6713749e-6 * u - 1.7130259e-5) * u - 5.5724522e-4) * u + 7.6318607e-3) * u
    - 0.052907154) * u - 0.45906410) * u - 1.1511242) * u - 0.99999958;
  return 0.5 * x + 0.5 * abs(x) - u * exp2(p);
}
