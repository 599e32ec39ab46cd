/** @file Parses amounts of memory such as 8GiB, 2.5 GiB, 512MiB, or bytes without a unit. */

const UNITS = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const

export const MEMORY = 'an amount of memory like "8GiB" (KiB, MiB, GiB, or bytes without a unit)'

/** The amount in bytes; null if the text is not an amount above 0. */
export function parseBytes(typed: string | number): number | null {
  const [, digits, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)?\s*$/.exec(String(typed)) ?? []
  const bytes = Math.floor(Number(digits) * UNITS[unit as keyof typeof UNITS])
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null
}
