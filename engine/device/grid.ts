/** @file Grids of workgroups: how many a dispatch starts along each dimension. */

/** Workgroups along x, y and z. */
export type Grid = readonly [x: number, y?: number, z?: number]

/**
 * A two-dimensional grid for `count` items, `perGroup` for each workgroup. The first item of a workgroup is
 * (group.y * groups.x + group.x) * perGroup; in the last workgroups it may be `count` or more.
 */
export function grid1d(count: number, perGroup = 256): [number, number] {
  const groups = Math.ceil(count / perGroup)
  const x = Math.min(groups, 32768)
  return [x, Math.ceil(groups / x)]
}

/** What to do where a dispatch or a tensor is too large for the device. */
export const TOO_LARGE = 'use a smaller micro-batch, input size or number of prompts a step'

/** All three dimensions of a grid. @throws Error if one is not a whole number from 1 to the device's limit */
export function checkedGrid({ limits }: GPUDevice, label: string, [x, y = 1, z = 1]: Grid): [number, number, number] {
  const grid: [number, number, number] = [x, y, z]
  const limit = limits.maxComputeWorkgroupsPerDimension
  if (grid.some((groups) => !Number.isInteger(groups) || groups < 1 || groups > limit))
    throw new Error(`${label}: a grid of ${grid.join(' x ')} workgroups is not within 1 to ${limit}: ${TOO_LARGE}`)
  return grid
}
