// Exact GELU, x Phi(x) with Phi the normal distribution function, computed as max(x, 0) - u Phi(-u) with u = |x|. A polynomial
// approximates log2 Phi(-u), so there is one exp2 and no division. It is fitted in float64: the absolute error is 4e-8, in f32
// 1e-7 for x within +-1; from u = 8 on the last term is below 1e-10. A NaN stays NaN. Element is f32 or vec4f.
fn gelu(x: Element) -> Element {
  let u = min(abs(x), Element(8.0));
  let p = ((((((4.6713749e-6 * u - 1.7130259e-5) * u - 5.5724522e-4) * u + 7.6318607e-3) * u
    - 0.052907154) * u - 0.45906410) * u - 1.1511242) * u - 0.99999958;
  return select(x, Element(0.0), x < Element(0.0)) - u * exp2(p);
}
