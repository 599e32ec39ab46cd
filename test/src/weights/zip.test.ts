/** @file The zip reader: members in parts, ZIP64, comments, and what is damaged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32 } from 'node:zlib'
import { crc32After } from '../../../src/host/crc32'
import { zipOf } from '../../../src/host/zip-writer'
import { bufferSource } from '../../../src/weights/byte-source'
import { openZip } from '../../../src/weights/zip'
import { zip } from '../../support/make-pth'
import { refuses } from '../../support/weights'

const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 253)
const members = [
  { name: 'a/data.pkl', bytes: bytes.subarray(0, 70) },
  { name: 'a/ü', bytes },
  { name: 'empty', bytes: new Uint8Array(0) },
]
const plain = Buffer.from(zipOf(members))
const open = (file: Uint8Array) => openZip(bufferSource(new Uint8Array(file), 'the.zip'))

async function expectMembers(file: Uint8Array): Promise<void> {
  const opened = await open(file)
  assert.equal(
    [...opened.names()],
    members.map(({ name }) => name),
  )
  for (const one of members) {
    assert.is(opened.size(one.name), one.bytes.length)
    assert.equal(await opened.read(one.name), one.bytes)
  }
  assert.equal(await opened.read('a/ü', 4000, 4010), bytes.subarray(4000, 4010))
  await opened.close()
}

/** The same file with the fields of ZIP64: sizes and places in extra fields, and a separate end record. */
function wide(file: Buffer): Buffer {
  const end = file.length - 22
  const start = file.readUInt32LE(end + 16)
  const entries: Buffer[] = []
  for (let at = start; at < end;) {
    const [name, size, header] = [file.readUInt16LE(at + 28), file.readUInt32LE(at + 24), file.readUInt32LE(at + 42)]
    const entry = Buffer.from(file.subarray(at, at + 46 + name))
    for (const field of [20, 24, 42]) entry.writeUInt32LE(0xffffffff, field)
    // an unknown extra field comes first
    const extra = Buffer.alloc(6 + 4 + 24)
    extra.writeUInt16LE(0x5455, 0)
    extra.writeUInt16LE(2, 2)
    extra.writeUInt16LE(1, 6)
    extra.writeUInt16LE(24, 8)
    for (const [i, value] of [size, size, header].entries()) extra.writeBigUInt64LE(BigInt(value), 10 + 8 * i)
    entry.writeUInt16LE(extra.length, 30)
    entries.push(entry, extra)
    at += 46 + name
  }
  const directory = Buffer.concat(entries)
  const end64 = Buffer.alloc(56)
  end64.write('PK\x06\x06', 'latin1')
  end64.writeBigUInt64LE(44n, 4)
  for (const [field, value] of [
    [24, members.length],
    [32, members.length],
    [40, directory.length],
    [48, start],
  ])
    end64.writeBigUInt64LE(BigInt(value), field)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  locator.writeBigUInt64LE(BigInt(start + directory.length), 8)
  const last = Buffer.from(file.subarray(end))
  last.fill(0xff, 8, 20)
  return Buffer.concat([file.subarray(0, start), directory, end64, locator, last])
}

test('members are read whole and in part, also from ZIP64 and with a comment at the end', async () => {
  await expectMembers(plain)
  await expectMembers(wide(plain))
  const commented = Buffer.concat([plain, Buffer.from('PK\x05\x06 as a remark')])
  commented.writeUInt16LE(commented.length - plain.length, plain.length - 2)
  await expectMembers(commented)
})

test('deflated members are unpacked, but to no more than they claim', async () => {
  const packed = zip({ x: bytes }, { deflate: true })
  assert.equal(await (await open(packed)).read('x', 10, 20), bytes.subarray(10, 20))
  const short = Buffer.from(packed)
  short.writeUInt32LE(4999, short.lastIndexOf('PK\x01\x02', undefined, 'latin1') + 24)
  await refuses((await open(short)).read('x'), 'the.zip: member x', 'compressed data is damaged')
})

test('what is damaged is said with the member', async () => {
  const directory = plain.readUInt32LE(plain.length - 6)
  const changed = (change: (file: Buffer) => void) => {
    const file = Buffer.from(plain)
    change(file)
    return file
  }
  const cases: [Buffer, string][] = [
    [Buffer.from(''), 'its end is missing'],
    [plain.subarray(0, plain.length - 1), 'its end is missing'],
    [changed((file) => file.writeUInt32LE(1, directory)), 'entry 0 of its directory is damaged'],
    [changed((file) => file.writeUInt16LE(9, plain.length - 12)), 'one of several parts'],
    [changed((file) => file.writeUInt32LE(plain.length, plain.length - 6)), 'reaches beyond its end'],
    [changed((file) => file.writeUInt16LE(0xfff0, directory + 28)), 'entry 0 of its directory reaches beyond it'],
    [changed((file) => file.writeUInt32LE(1e6, directory + 20)), 'a/data.pkl reaches into its directory'],
  ]
  for (const [file, message] of cases) await refuses(open(file), 'the.zip', message)
  const members: [(file: Buffer) => void, string][] = [
    [(file) => file.writeUInt32LE(7, 0), 'its header is damaged'],
    [(file) => file.writeUInt16LE(99, directory + 10), 'its compression method is not supported'],
    [(file) => file.writeUInt16LE(0x801, directory + 8), 'it is encrypted'],
    [(file) => file.writeUInt32LE(60, directory + 24), 'its two sizes differ'],
    [(file) => (file[60] ^= 1), 'its checksum is wrong'],
  ]
  for (const [change, message] of members)
    await refuses((await open(changed(change))).read('a/data.pkl'), 'the.zip: member a/data.pkl', message)
  await refuses((await open(plain)).read('b'), 'the zip file has no member b')
})

test('a checksum in parts is that of the whole', () => {
  for (const cut of [0, 1, 2500, 5000])
    assert.is(crc32After(crc32After(0, bytes.subarray(0, cut)), bytes.subarray(cut)), crc32(bytes))
})

test.run()
