/**
 * @file Reads mutated files and judges what happens: a file is read, or refused by a UserError that names it; nothing else.
 * Input number i of a reader depends only on the seed, the reader's name and i, so that each can be made again alone.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Rng } from '../../engine/rng'
import { mutate } from './mutate'
import type { Reader } from './reader'

/** CPU time that one input may take, in seconds. */
const MAX_SECONDS = 5
/** Longest message, in characters. */
const MAX_MESSAGE = 5000
/** Words of the validator and of the JavaScript engine, which mean nothing to a user. */
const FOREIGN_WORDS =
  /Invalid [a-z]+: |Expected .* but received|Cannot read propert|\w is not a function|is not iterable|is not defined|call stack|Invalid array length|allocation failed|\bE(NOENT|ACCES|ISDIR|INVAL)\b/

export interface Violation {
  index: number
  /** What was wrong, for people. */
  problem: string
  input: Uint8Array
}

export interface Tally {
  inputs: number
  /** Of these, how many were read without an error. */
  accepted: number
  /** The longest CPU time of an input, in seconds. */
  slowest: number
}

/** A reader in a folder, with its seeds. */
export class Fuzzer {
  readonly tally: Tally = { inputs: 0, accepted: 0, slowest: 0 }

  private constructor(
    readonly reader: Reader,
    private readonly seed: number,
    private readonly folder: string,
    private readonly seeds: readonly Uint8Array[],
    /** What the seeds, and files of their sound parts, are understood as. */
    private readonly meanings: ReadonlySet<string>,
    /** The names of all files in the folder. */
    private readonly files: string,
    /** True if time counts: it does not in a test, which runs on machines of any speed. */
    private readonly timed: boolean,
  ) {}

  /** Prepares a reader in an empty folder. @throws Error if it refuses one of its own seeds */
  static async open(reader: Reader, seed: number, folder: string, timed = true): Promise<Fuzzer> {
    const path = join(folder, reader.file)
    mkdirSync(dirname(path), { recursive: true })
    await reader.prepare?.(folder)
    const seeds = await reader.seeds()
    const meanings = new Set<string>()
    for (const one of seeds) {
      writeFileSync(path, wrapped(reader, one))
      meanings.add(digest(await reader.read(path, folder)))
    }
    for (const one of reader.combinations?.(seeds) ?? []) {
      writeFileSync(path, wrapped(reader, one))
      // not all of them fit together
      const meaning = await reader.read(path, folder).then(digest, () => null)
      if (meaning !== null) meanings.add(meaning)
    }
    return new Fuzzer(reader, seed, folder, seeds, meanings, listing(folder), timed)
  }

  /** The bytes of input `index`. */
  input(index: number): Uint8Array {
    const stream = createHash('sha256').update(`${this.reader.name} ${index}`).digest().readUIntBE(0, 6)
    return wrapped(this.reader, mutate(this.seeds, new Rng(this.seed, stream)))
  }

  /** Reads input `index`. @returns what was wrong; null if nothing was */
  async run(index: number): Promise<Violation | null> {
    const { reader, folder, tally } = this
    const input = this.input(index)
    const path = join(folder, reader.file)
    writeFileSync(path, input)
    const began = process.cpuUsage()
    const problem = await this.judge(path)
    const { user, system } = process.cpuUsage(began)
    const seconds = (user + system) / 1e6
    tally.inputs++
    tally.slowest = Math.max(tally.slowest, seconds)
    const found =
      problem ??
      (this.timed && seconds > MAX_SECONDS ? `it took ${seconds.toFixed(1)} s of CPU time` : this.sideEffect())
    return found === null ? null : { index, problem: found, input }
  }

  private async judge(path: string): Promise<string | null> {
    const { reader, folder } = this
    let meaning: string
    try {
      meaning = digest(await reader.read(path, folder))
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'UserError')
        return `not a UserError: ${(error as Error)?.stack ?? error}`
      const { message } = error
      if (!message.includes(basename(path)) && !message.includes(folder)) return `the file is not named: ${message}`
      if (message.length > MAX_MESSAGE) return `a message of ${message.length} characters: ${message.slice(0, 200)}`
      return FOREIGN_WORDS.test(message) ? `not in plain words: ${message.slice(0, 300)}` : null
    }
    this.tally.accepted++
    return reader.guarded && !this.meanings.has(meaning) ? 'it was read, but not as what its checksums protect' : null
  }

  /** What an input changed that it must not change. */
  private sideEffect(): string | null {
    for (const prototype of [Object.prototype, Array.prototype, Map.prototype] as object[])
      if (Object.keys(prototype).length) {
        for (const key of Object.keys(prototype)) delete (prototype as Record<string, unknown>)[key]
        return 'a prototype of JavaScript was changed'
      }
    if (this.tally.inputs % 100) return null
    return listing(this.folder) === this.files ? null : 'files were written or deleted'
  }
}

const wrapped = ({ wrap }: Reader, bytes: Uint8Array): Uint8Array => (wrap ? wrap(bytes) : bytes)

/** A hash of a value by its content: numbers of arrays bit by bit. */
function digest(value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value, (_, one: unknown) => contentOf(one)) ?? 'undefined'
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    text = 'nested too deeply to be written'
  }
  return createHash('sha256').update(text).digest('hex')
}

function contentOf(value: unknown): unknown {
  if (ArrayBuffer.isView(value))
    return [value.constructor.name, Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')]
  return value instanceof Map ? [...value] : value
}

const listing = (folder: string): string => readdirSync(folder, { recursive: true }).sort().join('\n')
