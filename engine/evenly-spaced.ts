/** @file A few members of a list that stand for all of it. */

/** At most `count` members, evenly spaced, the first included. */
export function evenlySpaced<T>(list: readonly T[], count: number): T[] {
  const chosen = Math.min(count, list.length)
  return Array.from({ length: chosen }, (_, i) => list[Math.floor((i * list.length) / chosen)])
}
