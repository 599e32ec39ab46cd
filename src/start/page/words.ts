/** @file Numbers and paths as text. */

/** The end of a path: its last three parts. */
export function shortPath(path: string): string {
  const parts = path.split(/[\\/]/).filter(Boolean)
  return parts.length > 3 ? `… / ${parts.slice(-3).join(' / ')}` : path
}

/** Bytes as megabytes or gigabytes, as browsers show downloads. */
export const megabytes = (bytes: number) =>
  bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toPrecision(2)} GB`

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`
