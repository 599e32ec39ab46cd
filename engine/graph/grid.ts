/** A grid for `count` items at `perGroup` each; the kernel's index is (group.y * groups.x + group.x) * perGroup + lane. */
export function grid1d(count: number, perGroup = 256): [number, number] {
  const groups = Math.ceil(count / perGroup)
  const x = Math.min(groups, 32768)
  return [x, Math.ceil(groups / x)]
}
