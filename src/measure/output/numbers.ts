/** @file Numbers and intervals as text. */
import type { Estimate } from '../statistics/distribution'

/** A number with three significant digits, four from 1,000 to 10,000; with an exponent only below 0.001 and from 10⁶. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2)
  return String(Number(value.toPrecision(size >= 1000 && size < 1e4 ? 4 : 3)))
}

export const percentText = (value: number): string => `${(100 * value).toFixed(1)} %`

/** `12.3 (11.8 to 12.9)`. */
export const withInterval = ({ value, low, high }: Estimate, text: (value: number) => string = short): string =>
  low === undefined || high === undefined ? text(value) : `${text(value)} (${text(low)} to ${text(high)})`
