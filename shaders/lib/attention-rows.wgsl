// the row in qkv of a position; positions beyond the window repeat its last one
fn row_of(window: u32, position: u32) -> u32 {
  return rows[window * params.length + min(position, params.length - 1u)];
}
