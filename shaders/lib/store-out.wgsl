// Sets element i of `out`, or adds to it if params.accumulate is 1.
fn store(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}
