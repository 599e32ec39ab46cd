// The derivative of exact GELU, Phi(x) + x phi(x): d = Phi(-u) - u phi(u) for negative x and 1 - d for others, with u = |x|.
// Phi(-u) is exp(-u^2 / 2) times a polynomial in t (as in Abramowitz and Stegun 7.1.26), so both terms share one exponential.
// It is fitted in float64: the absolute error is 2e-8, in f32 2e-7, and up to 6e-7 on a GPU whose division and exp2 are off by the
// two to three units in the last place that WGSL permits. Element is f32 or vec4f.
fn gelu_slope(x: Element) -> Element {
  let u = abs(x);
  let t = 1.0 / (1.0 + 0.395 * u);
  let mills = t * (((((0.054559956 * t - 0.25420650) * t + 0.35345051) * t + 1.7538522e-3) * t + 0.19015094) * t
    + 0.15429125);
  let d = exp2(-0.72134752 * u * u) * (mills - 0.39894228 * u);
  return select(1.0 - d, d, x < Element(0.0));
}
