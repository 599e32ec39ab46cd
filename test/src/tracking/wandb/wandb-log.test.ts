/** The container format of .wandb files: a LevelDB log for records of any size, still valid when it is cut. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { crc32, crc32c } from '../../../../src/host/crc32'
import { BLOCK, fileHeader, frame, readLog } from '../../../../src/tracking/wandb/log'
import { joined, fragmentsOf, slowCrc } from '../../../support/tracking'

/** Reproducible pseudo-random bytes. */
function noise(seed: number, length: number): Buffer {
  const parts: Buffer[] = []
  for (let i = 0; 32 * i < length; i++) parts.push(createHash('sha256').update(`${seed} ${i}`).digest())
  return Buffer.concat(parts).subarray(0, length)
}

function logOf(records: readonly Buffer[]): Buffer {
  const parts: Uint8Array[] = [fileHeader]
  let offset = fileHeader.length
  for (const record of records) {
    const bytes = frame(record, offset)
    parts.push(bytes)
    offset += bytes.length
  }
  return Buffer.concat(parts)
}

test('the CRCs have the published check values', () => {
  const nine = Buffer.from('123456789')
  assert.is(crc32(nine), 0xcbf43926)
  assert.is(crc32c(nine), 0xe3069283)
  assert.is(crc32(), 0)
  const long = noise(1, 1000)
  assert.is(crc32(long.subarray(0, 333), long.subarray(333)), slowCrc(0xedb88320, long))
})

test('records of every size are read back, by an independent reader and by wgsam’s own', () => {
  // ending at and beyond block ends, spanning several blocks, and empty
  const sizes = [0, 1, 100, 32000, 640, BLOCK - 7, BLOCK - 14, BLOCK, 100_000, 3, 3 * BLOCK, 50]
  const records = sizes.map((size, i) => noise(i, size))
  const file = logOf(records)
  assert.equal(joined(fragmentsOf(file)), records)
  const own = [...readLog(file)]
  assert.equal(
    own.map(({ data }) => Buffer.from(data)),
    records,
  )
  assert.is(own.at(-1)!.end, file.length)
  assert.ok(own.every(({ start }, i) => start === (i ? own[i - 1].end : 7)))
})

test('a record may end at, or a few bytes before, the end of a block', () => {
  for (let short = 0; short <= 16; short++) {
    // the first record leaves `short` bytes of the first block
    const first = noise(short, BLOCK - 7 - 7 - short)
    const records = [first, noise(99, 20), noise(98, BLOCK)]
    const file = logOf(records)
    const pieces = fragmentsOf(file)
    assert.equal(joined(pieces), records, `${short} bytes left`)
    const [, second] = pieces
    if (short < 7) assert.is(second.at, BLOCK, 'padding, then the next block')
    else assert.equal([second.at, second.type, second.data.length], [BLOCK - short, 2, short - 7])
  }
})

test('a file cut off anywhere yields the records before', () => {
  const records = [10, 40_000, 5, 70_000, 12].map((size, i) => noise(i, size))
  const file = logOf(records)
  const ends = [...readLog(file)].map(({ end }) => end)
  for (let length = 7; length <= file.length; length += length % 32768 < 40 ? 1 : 997) {
    const count = [...readLog(file.subarray(0, length))].length
    assert.is(count, ends.filter((end) => end <= length).length, `at ${length}`)
  }
})

test('reading ends before a flipped bit, and another kind of file is refused', () => {
  const records = [100, 200, 300].map((size, i) => noise(i, size))
  const file = logOf(records)
  const [, second] = [...readLog(file)]
  for (const at of [second.start, second.start + 5, second.start + 6, second.start + 50]) {
    const damaged = Buffer.from(file)
    damaged[at] ^= 4
    assert.is([...readLog(damaged)].length, 1, `at ${at}`)
  }
  assert.throws(() => [...readLog(Buffer.from('{"kind":"step"}'))], 'does not begin as a .wandb file does')
  assert.throws(() => [...readLog(Buffer.alloc(0))], 'does not begin')
})

test.run()
