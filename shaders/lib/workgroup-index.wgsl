// The index of a workgroup in a grid of one dimension that is folded into two: see grid1d in engine/device/grid.ts.
fn workgroup_index(group: vec3u, groups: vec3u) -> u32 {
  return group.y * groups.x + group.x;
}
