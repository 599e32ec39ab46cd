// Boxes (x0, y0, x1, y1) of pixels, right and bottom exclusive. An empty box has x1 = y1 = 0, and x0, y0 beyond all pixels.
fn join(a: vec4u, b: vec4u) -> vec4u {
  return vec4u(min(a.xy, b.xy), max(a.zw, b.zw));
}

// the same box with right and bottom inclusive; an empty one becomes (1, 1, 0, 0)
fn inclusive(box: vec4u) -> vec4u {
  if (box.z == 0u) { return vec4u(1u, 1u, 0u, 0u); }
  return vec4u(box.xy, box.zw - 1u);
}
