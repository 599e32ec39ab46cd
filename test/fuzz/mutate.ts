/** @file Random changes of a file: of its bytes, of the numbers and words in it, and of its JSON. */
import type { Rng } from '../../engine/rng'

/** Whole numbers at the edges of what a length or an offset may be. */
const edges = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
/** Numbers as text. */
const numbers = [
  '0',
  '-1',
  '1',
  '1e308',
  '1e999',
  '-1e999',
  'NaN',
  '0.5',
  '-0',
  '9007199254740993',
  '99999999999',
  '65536',
  '1e-320',
]
/** Words that programs have stumbled over. */
const words = [
  '__proto__',
  'constructor',
  'toString',
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '../../../etc/passwd',
  'C:\\x\\y.png',
  '<x-fuzz onload=1>',
  '"><x-fuzz>',
  '=cmd|calc!A1',
  '\\u0000',
  '\u0000',
  '\u202e',
  '\ud800',
  '\ufeff',
  '1,5',
  ',',
  '\n',
  '\r\n',
  '"',
  '&lt;x-fuzz&gt;',
]
/** How deep a nested value is. */
const DEEP = 3000

const pick = <T>(rng: Rng, list: readonly T[]): T => list[rng.int(list.length)]

/** A changed copy of one of the seeds. */
export function mutate(seeds: readonly Uint8Array[], rng: Rng): Uint8Array {
  const seed = pick(rng, seeds)
  if (rng.int(2) === 0) {
    const changed = mutateJson(seed, rng)
    if (changed) return changed
  }
  let bytes = Buffer.from(seed)
  for (let left = 1 + rng.int(rng.int(4) + 1); left > 0; left--) bytes = Buffer.from(mutateBytes(bytes, seeds, rng))
  return bytes
}

function mutateBytes(bytes: Buffer, seeds: readonly Uint8Array[], rng: Rng): Uint8Array {
  const { length } = bytes
  const at = rng.int(length + 1)
  // mostly a short range; sometimes any
  const span = Math.min(length - at, 1 + rng.int(rng.int(8) ? 16 : length + 1))
  const [before, inside, after] = [bytes.subarray(0, at), bytes.subarray(at, at + span), bytes.subarray(at + span)]
  const random = (count: number) => Uint8Array.from({ length: count }, () => rng.int(256))
  switch (rng.int(14)) {
    case 0:
    case 1:
      if (at < length) bytes[at] ^= 1 << rng.int(8)
      return bytes
    case 2:
      if (at < length) bytes[at] = pick(rng, [0, 1, 127, 128, 254, 255, rng.int(256)])
      return bytes
    case 3:
    case 4: {
      const size = pick(rng, [2, 4, 4, 8])
      if (at + size > length) return bytes
      const value = pick(rng, [...edges, length, at, rng.int(2 ** 31)])
      const word = Buffer.alloc(8)
      word.writeBigUInt64LE(BigInt(value))
      word.copy(bytes, at, 0, size)
      if (rng.int(2)) bytes.subarray(at, at + size).reverse()
      return bytes
    }
    case 5:
      return Buffer.concat([before, after])
    case 6:
      return Buffer.concat([before, inside, inside, after])
    case 7:
      return Buffer.concat([before, random(1 + rng.int(12)), inside, after])
    case 8:
      return before
    case 9:
      return Buffer.concat([before, pick(rng, seeds).subarray(rng.int(length + 1))])
    case 10:
      bytes.fill(pick(rng, [0, 255, 32]), at, at + span)
      return bytes
    case 11:
      return Buffer.concat([before, Buffer.from(pick(rng, words)), after])
    case 12: {
      const times = Math.min(1 + rng.int(2000), Math.floor(2e5 / Math.max(1, inside.length)))
      return Buffer.concat([before, ...Array<Uint8Array>(times).fill(inside), after])
    }
    default: {
      const found = [...bytes.toString('latin1').matchAll(/-?\d+(\.\d+)?/g)]
      if (!found.length) return bytes
      const { 0: old, index } = pick(rng, found)
      return Buffer.concat([
        bytes.subarray(0, index),
        Buffer.from(pick(rng, numbers)),
        bytes.subarray(index + old.length),
      ])
    }
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** Stand for what JSON.stringify cannot write: the key, numbers, and a depth at which it would overflow the stack. */
const marks = { proto: '\u0001proto', huge: '\u0001huge', nan: '\u0001nan', deep: '\u0001deep' }

/** A changed value of a JSON text, or of one line of a text of JSON lines; null if it is none. */
function mutateJson(bytes: Uint8Array, rng: Rng): Uint8Array | null {
  const text = Buffer.from(bytes).toString('utf8')
  if (!/^\s*[[{]/.test(text)) return null
  const lines = text.split('\n')
  const whole = parsed(text)
  const line = rng.int(lines.length)
  const value = whole === undefined ? parsed(lines[line]) : whole
  if (value === undefined) return null
  let changed = value
  for (let left = 1 + rng.int(3); left > 0; left--) changed = mutateValue(changed, rng)
  const written = JSON.stringify(changed)
    .replaceAll(JSON.stringify(marks.proto), '"__proto__"')
    .replaceAll(JSON.stringify(marks.huge), '1e999')
    .replaceAll(JSON.stringify(marks.nan), 'NaN')
    .replaceAll(JSON.stringify(marks.deep), '['.repeat(DEEP) + ']'.repeat(DEEP))
  if (whole !== undefined) return Buffer.from(written)
  lines[line] = written
  return Buffer.from(lines.join('\n'))
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** Changes a random value inside of `value`. */
function mutateValue(value: Json, rng: Rng): Json {
  if (typeof value === 'object' && value !== null && rng.int(4)) {
    const keys = Object.keys(value)
    if (keys.length) {
      const key = pick(rng, keys)
      const copy = (Array.isArray(value) ? [...value] : { ...value }) as { [key: string]: Json } & Json[]
      copy[key] = mutateValue(copy[key], rng)
      return copy
    }
  }
  if (Array.isArray(value) && rng.int(2)) return mutateList(value, rng)
  if (typeof value === 'object' && value !== null && rng.int(2))
    return mutateObject(value as { [key: string]: Json }, rng)
  if (typeof value === 'number' && rng.int(2))
    return pick<Json>(rng, [value + 1, -value, value / 2, value * 1e6, ...edges, marks.huge, marks.nan, String(value)])
  return pick<Json>(rng, [null, true, 0, -1, 0.5, 1e300, marks.huge, marks.nan, marks.deep, '', [], {}, [[]], ...words])
}

function mutateList(list: readonly Json[], rng: Rng): Json[] {
  const at = rng.int(list.length + 1)
  const entry = list[at] ?? null
  const action = rng.int(4)
  if (action === 0) return list.filter((_, i) => i !== at)
  if (action === 1)
    return [...list.slice(0, at), ...Array<Json>(1 + rng.int(rng.int(5) ? 3 : 500)).fill(entry), ...list.slice(at)]
  if (action === 2) return [...list].reverse()
  return list.slice(0, at)
}

function mutateObject(object: { [key: string]: Json }, rng: Rng): { [key: string]: Json } {
  const keys = Object.keys(object)
  const key = keys.length ? pick(rng, keys) : 'x'
  const { [key]: value = null, ...rest } = object
  const action = rng.int(3)
  if (action === 0) return rest
  if (action === 1) return { ...rest, [pick(rng, [marks.proto, ...words])]: value }
  return { ...object, [pick(rng, [marks.proto, 'toString', 'length', 'x'])]: pick<Json>(rng, [{ polluted: 1 }, 1, []]) }
}
