/**
 * @file The process in which `npm run fuzz` reads mutated files. It writes the number of the input that it reads now into a
 * file, so that its parent knows which one it was if it hangs or dies, and prints what it found as lines of JSON.
 */
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fuzzer } from './fuzz'
import { readers } from './readers'

/** @see scripts/fuzz.mjs, which passes this as JSON */
interface Order {
  reader: string
  seed: number
  from: number
  to: number
  /** A file for the number of the input. */
  progress: string
  /** Milliseconds after which no further input is read. */
  milliseconds: number
}

const order = JSON.parse(process.argv[2]) as Order | 'list'
const say = (line: object) => writeSync(1, JSON.stringify(line) + '\n')
if (order === 'list') say(readers.map(({ name }) => name))
else await fuzz(order)

async function fuzz({ reader: name, seed, from, to, progress, milliseconds }: Order): Promise<void> {
  // a disk in memory is several times as fast
  const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const folder = mkdtempSync(join(place, 'wgsam-fuzz-'))
  const state = openSync(progress, 'w')
  try {
    const reader = readers.find((one) => one.name === name)!
    const own = join(folder, 'x')
    mkdirSync(own)
    const fuzzer = await Fuzzer.open(reader, seed, own)
    const end = performance.now() + milliseconds
    let index = from
    for (; index < to && performance.now() < end; index++) {
      writeSync(state, String(index).padStart(16), 0)
      const found = await fuzzer.run(index)
      if (found) say({ index, problem: found.problem, input: Buffer.from(found.input).toString('base64') })
    }
    say({ done: index, ...fuzzer.tally })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
