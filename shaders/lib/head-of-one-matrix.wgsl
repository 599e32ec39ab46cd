// Arithmetic of one head's numbers, for a Head that is a matrix.
fn times(factor: f32, x: Head) -> Head {
  return factor * x;
}

fn add_times(sum: Head, factor: f32, x: Head) -> Head {
  return sum + factor * x;
}

fn sum_heads(a: f32, x: Head, b: f32, y: Head) -> Head {
  return a * x + b * y;
}
