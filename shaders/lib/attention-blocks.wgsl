// Softmax on blocks of scores: columns are keys, rows are queries.
fn exponentials(s: mat4x4f, top: vec4f) -> mat4x4f {
  return mat4x4f(exp(s[0] - top), exp(s[1] - top), exp(s[2] - top), exp(s[3] - top));
}

// of each row
fn highest(s: mat4x4f) -> vec4f {
  return max(max(s[0], s[1]), max(s[2], s[3]));
}

fn total(s: mat4x4f) -> vec4f {
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// each row times its factor
fn times(a: mat4x4f, factor: vec4f) -> mat4x4f {
  return mat4x4f(a[0] * factor, a[1] * factor, a[2] * factor, a[3] * factor);
}

// gradients of the scores, from the probabilities, their gradients, and the sum(dout out) of each row
fn score_gradients(p: mat4x4f, dp: mat4x4f, delta: vec4f) -> mat4x4f {
  return mat4x4f(p[0] * (dp[0] - delta), p[1] * (dp[1] - delta), p[2] * (dp[2] - delta), p[3] * (dp[3] - delta));
}

// probabilities of four keys for one query; 0 if the query is padding, whose score may be any number
fn probability(s: vec4f, lse: f32) -> vec4f {
  return select(vec4f(), exp(s - lse), lse < -LOWEST);
}
