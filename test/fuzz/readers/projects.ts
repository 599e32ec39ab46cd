/** @file The files of a project: proposals, candidates, logits, and the log of a review. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMask } from '../../../engine/masks/rle'
import { readWithLogits } from '../../../src/project/logits-file'
import { readCandidates, readProposals } from '../../../src/project/read-proposals'
import { ReviewDocument } from '../../../src/project/review/document'
import { readLog } from '../../../src/project/review/edit-log'
import { readProposed, readReviewed } from '../../../src/project/review/reviewed-image'
import { writeImage } from '../../support/review'
import { candidatesOf, proposalsOf } from '../../support/project-files'
import { made, square } from '../../support/review'
import type { Reader } from '../reader'

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const squares = [square(1, 1, 5), square(9, 9, 4)]
const image = proposalsOf([]).image
const header = { version: 1, image, proposals: [made(1, 'proposal', squares[0]), made(2, 'proposal', squares[1])] }
const stamp = (seq: number) => ({ seq, time: '2026-01-01T00:00:00Z', window: 'w' })
const log = [
  header,
  { ...stamp(1), type: 'edit', edit: { kind: 'remove', remove: [1], add: [] } },
  { ...stamp(2), type: 'edit', edit: { kind: 'add', remove: [], add: [made(3, 'add', square(3, 3, 9))] } },
  { ...stamp(3), type: 'undo' },
  { ...stamp(4), type: 'redo' },
  { ...stamp(5), type: 'state', state: 'accepted' },
]

/** A safetensors file of the logits of two candidates, with these windows in its header. */
function logits(windows: Uint8Array): Buffer {
  const header = Buffer.from(
    JSON.stringify({
      __metadata__: { windows: Buffer.from(windows).toString('utf8') },
      0: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      1: { dtype: 'F32', shape: [1, 2], data_offsets: [24, 32] },
    }),
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, header, Buffer.alloc(32, 1)])
}
const window = { token: 0, x0: 1, y0: 2, side: 64, inputSize: 256, lowest: -3 }

export const projects: Reader[] = [
  {
    name: 'proposals',
    file: 'proposals/a.json',
    seeds: () => [json(proposalsOf(squares))],
    read: async (_, folder) => {
      const file = await readProposals(folder, 'a')
      // what is read can be decoded without a further look
      return [file, file.records.map(({ segmentation }) => decodeMask(segmentation).data)]
    },
  },
  {
    name: 'candidates',
    file: 'candidates/a.json',
    seeds: () => [json(candidatesOf(squares))],
    read: (_, folder) => readCandidates(folder, 'a'),
  },
  {
    name: 'logits',
    file: 'candidates/a.safetensors',
    seeds: () => [json([window, { ...window, token: 2 }]), json([window, null])],
    wrap: logits,
    read: async (_, folder) => JSON.stringify(await readWithLogits(folder, candidatesOf(squares))),
  },
  {
    name: 'reviewed-proposals',
    file: 'proposals/a.json',
    seeds: () => [json(proposalsOf(squares))],
    read: async (_, folder) => {
      await readProposed(folder, 'a')
      const found = { name: 'a', path: join(folder, 'images', 'a.png'), problem: null }
      return (await readReviewed(folder, found)).document.counts
    },
    prepare: async (folder) => {
      await writeImage(folder, 'a', squares)
      writeFileSync(join(folder, 'proposals', 'a.json'), '{}')
    },
  },
  {
    name: 'review-log',
    file: 'review/a.jsonl',
    seeds: () => [Buffer.from(log.map((entry) => JSON.stringify(entry) + '\n').join(''))],
    prepare: (folder) => writeImage(folder, 'a', squares),
    read: async (path, folder) => {
      await readLog(path)
      const found = { name: 'a', path: join(folder, 'images', 'a.png'), problem: null }
      const { document, entries } = await readReviewed(folder, found)
      if (!(document instanceof ReviewDocument)) throw new TypeError('no document')
      return [document.counts, document.state, entries.length]
    },
  },
]
