/** @file Durations as text; without Node, for pages too. */

/** Seconds -> `8 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds)
  if (s < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : s} s`
  const two = (n: number) => String(n).padStart(2, '0')
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`
  return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`
}
