/** @file JSON that gives back what was written: also NaN, infinities, the negative zero and bytes, which JSON itself does not have. */

const NUMBER = '$number'
const BYTES = '$bytes'

/** @param value of objects, arrays, texts, numbers, booleans, null and Uint8Array; properties that are undefined are left out */
export function toExactJson(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, shown) {
    // a Buffer would be shown as a list of numbers
    const given = this[key]
    if (given instanceof Uint8Array) return { [BYTES]: Buffer.from(given).toString('base64') }
    if (typeof given === 'number' && (!Number.isFinite(given) || Object.is(given, -0)))
      return { [NUMBER]: Object.is(given, -0) ? '-0' : String(given) }
    return shown
  })
}

/** @throws SyntaxError if the text is not JSON */
export function fromExactJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    const keys = Object.keys(value)
    if (keys.length !== 1) return value
    const { [NUMBER]: number, [BYTES]: bytes } = value as Record<string, unknown>
    if (typeof number === 'string') return Number(number)
    return typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : value
  })
}
