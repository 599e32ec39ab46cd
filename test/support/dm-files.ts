/** @file Makes files of Gatan DigitalMicrograph (DM3, DM4), independently of the code that reads them. */

export type DmTag = { group: [string, DmTag][] } | { value: { info: number[]; bytes: Buffer } }

export const group = (...entries: [string, DmTag][]): DmTag => ({ group: entries })

/** A number: 5 uint32, 6 float. */
export function number(type: 5 | 6, value: number): DmTag {
  const bytes = Buffer.alloc(4)
  if (type === 5) bytes.writeUInt32LE(value)
  else bytes.writeFloatLE(value)
  return { value: { info: [type], bytes } }
}

/** A text, as an array of uint16. */
export const text = (value: string): DmTag => array(4, Buffer.from(value, 'utf16le'), value.length)

export const array = (type: number, bytes: Buffer, count: number): DmTag => ({
  value: { info: [20, type, count], bytes },
})

/** An array of structures, as lookup tables of colours are. */
const structs = (fields: readonly number[], bytes: Buffer, count: number): DmTag => ({
  value: { info: [20, 15, 0, fields.length, ...fields.flatMap((type) => [0, type]), count], bytes },
})

export function dmFile(version: 3 | 4, root: DmTag): Buffer {
  const body = write(version, root)
  const size = length(version, body.length)
  return Buffer.concat([u32(version), size, u32(1), body.subarray(0), Buffer.alloc(8)])
}

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
function length(version: 3 | 4, value: number): Buffer {
  if (version === 3) return u32(value)
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

function write(version: 3 | 4, tag: DmTag): Buffer {
  if ('value' in tag) {
    const { info, bytes } = tag.value
    const numbers = info.map((one) => length(version, one))
    return Buffer.concat([Buffer.from('%%%%'), length(version, info.length), ...numbers, bytes])
  }
  const entries = tag.group.flatMap(([name, child]) => {
    const head = Buffer.from([('group' in child && 20) || 21, name.length >> 8, name.length & 255])
    const content = write(version, child)
    return [head, Buffer.from(name, 'latin1'), ...(version === 4 ? [length(4, content.length)] : []), content]
  })
  return Buffer.concat([Buffer.from([1, 0]), length(version, tag.group.length), ...entries])
}

/** Bytes of each type of number. */
const BYTES: Record<number, number> = { 2: 2, 3: 4, 4: 2, 5: 4, 6: 4, 7: 8, 8: 1, 9: 1, 10: 1 }

export interface DmImage {
  sides: number[]
  /** DigitalMicrograph's DataType, and the type of the numbers. */
  dataType: number
  numbers: number
  bytes: Buffer
  scale?: [number, string][]
}

/** An entry of the ImageList. */
export const dmImage = ({ sides, dataType, numbers, bytes, scale = [] }: DmImage): DmTag =>
  group([
    'ImageData',
    group(
      [
        'Calibrations',
        group([
          'Dimension',
          group(
            ...scale.map(([value, unit]): [string, DmTag] => [
              '',
              group(['Origin', number(6, 0)], ['Scale', number(6, value)], ['Units', text(unit)]),
            ]),
          ),
        ]),
      ],
      ['Data', array(numbers, bytes, bytes.length / BYTES[numbers])],
      ['DataType', number(5, dataType)],
      ['Dimensions', group(...sides.map((side): [string, DmTag] => ['', number(5, side)]))],
      ['PixelDepth', number(5, bytes.length / sides.reduce((a, b) => a * b, 1))],
    ),
  ])

/** A file with a thumbnail in colours and then images. */
export const dmWith = (version: 3 | 4, ...images: DmTag[]): Buffer => {
  const thumbnail = dmImage({ sides: [96, 96], dataType: 23, numbers: 5, bytes: Buffer.alloc(96 * 96 * 4, 77) })
  const list = [thumbnail, ...images].map((image): [string, DmTag] => ['', image])
  return dmFile(
    version,
    group(
      ['ApplicationBounds', structs([3, 3, 3, 3], Buffer.alloc(16), 1)],
      ['Palette', structs([2, 2, 2], Buffer.alloc(6 * 4), 4)],
      ['ImageList', group(...list)],
      ['Thumbnails', group(['', group(['ImageIndex', number(5, 0)])])],
    ),
  )
}
