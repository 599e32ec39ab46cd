// The block of outputs of a workgroup, in an order in which workgroups that run at the same time share operands: eight rows
// of blocks from top to bottom, then the next column of them. So the part of b that is read is in the cache for eight
// workgroups, and the part of a for all of a group of rows.
fn block_of(wg: vec3u, groups: vec3u) -> vec2u {
  let i = wg.y * groups.x + wg.x;
  let band = 8u * groups.x;
  let first = i / band * 8u;
  let rows = min(8u, groups.y - first);
  return vec2u(i % band / rows, first + i % band % rows);
}
