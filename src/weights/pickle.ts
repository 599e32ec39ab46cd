/**
 * @file A safe reader of Python pickles: it builds data and calls only functions that the caller allows.
 *
 * A pickle is a program for a stack machine that can name and call any function of any Python module, and thereby run any
 * code. Here a name is looked up only in the caller's list and in that of harmless classes, whose objects stay mere data; any
 * other name is an error.
 */
import { UserError } from '../host/errors'
import { isHarmless } from './pickle-classes'

export type Callable = (...args: unknown[]) => unknown

/**
 * An object of a class that means nothing here: its arguments and its state are kept as data and nothing of it runs. Items and
 * attributes are entries of the map.
 */
class Opaque extends Map<unknown, unknown> {
  constructor(readonly of: string) {
    super()
  }
}

/**
 * Budgets. A SAM's pickle has about 20,000 operations and 4,000 containers; a pickle of some kilobytes, packed, may ask for many
 * millions, each of which takes hundreds of bytes.
 */
const MAX_OPERATIONS = 4_000_000
const MAX_CONTAINERS = 300_000
const MAX_MEMO = 1_000_000
/** Arguments of one call. */
const MAX_ARGUMENTS = 1000

export interface PickleOptions {
  /** The functions that the pickle may call, by `module.name`. */
  allowed: ReadonlyMap<string, Callable>
  /** Returns the object that a persistent id refers to. */
  persistent(id: unknown): unknown
  /** The file, for error messages. */
  path: string
}

/**
 * The value of a pickle: dictionaries become Map, tuples and lists arrays, integers number if exact, else bigint.
 * @throws UserError if it is damaged, or calls a function that is not allowed
 */
export function readPickle(bytes: Uint8Array, options: PickleOptions): unknown {
  return new Unpickler(bytes, options).run()
}

const MARK = Symbol('mark')

/** A function or class that the pickle names and the caller allows. */
export class Global {
  constructor(
    readonly name: string,
    readonly call: Callable,
  ) {}
}

class Unpickler {
  private at = 0
  private operations = 0
  private containers = 0
  private readonly view: DataView
  private readonly stack: unknown[] = []
  private readonly memo = new Map<number, unknown>()

  constructor(
    private readonly bytes: Uint8Array,
    private readonly options: PickleOptions,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  run(): unknown {
    for (;;) {
      if (++this.operations > MAX_OPERATIONS) throw this.tooLarge('operations', MAX_OPERATIONS)
      const opcode = String.fromCharCode(this.byte())
      if (opcode === '.') return this.pop()
      const step = steps[opcode]
      if (!step) throw this.error(`unknown opcode ${JSON.stringify(opcode)}`)
      step(this)
    }
  }

  error(what: string): UserError {
    return new UserError(`${this.options.path}: damaged pickle at byte ${this.at}: ${what}`)
  }

  private tooLarge(what: string, limit: number): UserError {
    return new UserError(
      `${this.options.path}: its pickle has more than ${limit} ${what}: this is no file of weights. Save only model.state_dict().`,
    )
  }

  push(value: unknown): void {
    this.stack.push(value)
  }

  /** Pushes a new list, dictionary, set or object. */
  pushNew(value: unknown): void {
    if (++this.containers > MAX_CONTAINERS) throw this.tooLarge('lists, dictionaries and objects', MAX_CONTAINERS)
    this.stack.push(value)
  }

  pop(): unknown {
    if (!this.stack.length) throw this.error('nothing on the stack')
    const value = this.stack.pop()
    if (value === MARK) throw this.error('a mark where a value belongs')
    return value
  }

  top(): unknown {
    const value = this.pop()
    this.push(value)
    return value
  }

  mark(): void {
    this.stack.push(MARK)
  }

  /** Pops all values since the last mark, and the mark. */
  popToMark(): unknown[] {
    const start = this.stack.lastIndexOf(MARK)
    if (start < 0) throw this.error('no mark on the stack')
    return this.stack.splice(start).slice(1)
  }

  store(slot = this.memo.size): void {
    this.memo.set(slot, this.top())
    if (this.memo.size > MAX_MEMO) throw this.tooLarge('stored values', MAX_MEMO)
  }

  recall(slot: number): void {
    if (!this.memo.has(slot)) throw this.error(`memo ${slot} was never stored`)
    this.push(this.memo.get(slot))
  }

  private take(length: number): number {
    const start = this.at
    if (length > this.bytes.length - start) throw this.error('it ends too early')
    this.at += length
    return start
  }

  byte = () => this.view.getUint8(this.take(1))
  u16 = () => this.view.getUint16(this.take(2), true)
  i32 = () => this.view.getInt32(this.take(4), true)
  u32 = () => this.view.getUint32(this.take(4), true)
  f64 = () => this.view.getFloat64(this.take(8))

  u64(): number {
    const value = this.view.getBigUint64(this.take(8), true)
    if (value > BigInt(this.bytes.length)) throw this.error('it ends too early')
    return Number(value)
  }

  data(length: number): Uint8Array {
    const start = this.take(length)
    return this.bytes.subarray(start, start + length)
  }

  text(length: number): string {
    return new TextDecoder().decode(this.data(length))
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at)
    if (end < 0) throw this.error('it ends too early')
    return this.text(end + 1 - this.at).slice(0, -1)
  }

  /** An integer of `length` bytes: two's complement, little-endian. */
  long(length: number): number | bigint {
    let value = 0n
    const data = this.data(length)
    if (length > 16) throw this.error('an integer of more than 128 bits')
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(data[i])
    value = length ? BigInt.asIntN(8 * length, value) : 0n
    const short = Number(value)
    return Number.isSafeInteger(short) ? short : value
  }

  global(module: unknown, name: unknown): Global {
    const full = `${module}.${name}`
    const call = this.options.allowed.get(full)
    if (call) return new Global(full, call)
    if (full.length < 200 && isHarmless(full)) return new Global(full, () => new Opaque(full))
    throw new UserError(
      `${this.options.path}: refused: it calls ${full.slice(0, 200)}, which could run any code when the file is opened. ` +
        (/^ultralytics\.|^models\.yolo\./.test(full)
          ? 'It is a YOLO or FastSAM, which is another model: wgsam runs SAM (ViT-B, ViT-L, ViT-H), MobileSAM and LiteMedSAM.'
          : 'A file of weights needs only tensors and dictionaries: save only model.state_dict().'),
    )
  }

  /** Calls an allowed function, or makes an object of an allowed class. */
  call(target: unknown, args: unknown): void {
    if (!(target instanceof Global) || !Array.isArray(args))
      throw this.error('a call of something that cannot be called')
    if (args.length > MAX_ARGUMENTS) throw this.error(`a call of ${target.name} with ${args.length} arguments`)
    this.pushNew(target.call(...args))
  }

  reduce(): void {
    const args = this.pop()
    this.call(this.pop(), args)
  }

  /** The state of an object: attributes, which a dictionary does not need. */
  build(): void {
    const state = this.pop()
    const target = this.top()
    if (target instanceof Opaque) {
      if (state instanceof Map) for (const [key, value] of state) target.set(key, value)
    } else if (!(target instanceof Map)) throw this.error('a state for what is not a dictionary')
  }

  setItems(items: unknown[]): void {
    const target = this.top()
    if (!(target instanceof Map) || items.length % 2) throw this.error('items for what is not a dictionary')
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1])
  }

  append(items: unknown[]): void {
    const target = this.top()
    if (target instanceof Opaque) return
    if (target instanceof Set) for (const item of items) target.add(item)
    else if (Array.isArray(target)) for (const item of items) target.push(item)
    else throw this.error('elements for what is not a list')
  }

  persistent(id: unknown): void {
    this.push(this.options.persistent(id))
  }
}

/** The opcode that makes a tuple of the last `length` values. */
const tuple = (length: number) => (u: Unpickler) => {
  const items = Array.from({ length }, () => u.pop())
  u.pushNew(items.reverse())
}

/** What each opcode does, for pickle protocols 0 to 5. */
const steps: Record<string, (u: Unpickler) => void> = {
  __proto__: null as never,
  '\x80': (u) => void u.byte(),
  '\x95': (u) => void u.u64(),
  '(': (u) => u.mark(),
  '0': (u) => void u.pop(),
  '1': (u) => void u.popToMark(),
  '2': (u) => u.push(u.top()),
  N: (u) => u.push(null),
  '\x88': (u) => u.push(true),
  '\x89': (u) => u.push(false),
  I: (u) => {
    const line = u.line()
    u.push(line === '00' ? false : line === '01' ? true : Number(line))
  },
  J: (u) => u.push(u.i32()),
  K: (u) => u.push(u.byte()),
  M: (u) => u.push(u.u16()),
  L: (u) => u.push(Number(u.line().replace('L', ''))),
  '\x8a': (u) => u.push(u.long(u.byte())),
  '\x8b': (u) => u.push(u.long(u.u32())),
  F: (u) => u.push(Number(u.line())),
  G: (u) => u.push(u.f64()),
  V: (u) => u.push(u.line()),
  X: (u) => u.push(u.text(u.u32())),
  '\x8c': (u) => u.push(u.text(u.byte())),
  '\x8d': (u) => u.push(u.text(u.u64())),
  S: (u) => u.push(u.line().slice(1, -1)),
  T: (u) => u.push(u.text(u.u32())),
  U: (u) => u.push(u.text(u.byte())),
  B: (u) => u.push(u.data(u.u32())),
  C: (u) => u.push(u.data(u.byte())),
  '\x8e': (u) => u.push(u.data(u.u64())),
  ']': (u) => u.pushNew([]),
  a: (u) => {
    const item = u.pop()
    u.append([item])
  },
  e: (u) => u.append(u.popToMark()),
  l: (u) => u.pushNew(u.popToMark()),
  ')': (u) => u.pushNew([]),
  t: (u) => u.pushNew(u.popToMark()),
  '\x85': tuple(1),
  '\x86': tuple(2),
  '\x87': tuple(3),
  '}': (u) => u.pushNew(new Map()),
  d: (u) => {
    const items = u.popToMark()
    u.pushNew(new Map())
    u.setItems(items)
  },
  s: (u) => {
    const value = u.pop()
    const key = u.pop()
    u.setItems([key, value])
  },
  u: (u) => u.setItems(u.popToMark()),
  '\x8f': (u) => u.pushNew(new Set()),
  '\x90': (u) => u.append(u.popToMark()),
  '\x91': (u) => u.pushNew(new Set(u.popToMark())),
  g: (u) => u.recall(Number(u.line())),
  h: (u) => u.recall(u.byte()),
  j: (u) => u.recall(u.u32()),
  p: (u) => u.store(Number(u.line())),
  q: (u) => u.store(u.byte()),
  r: (u) => u.store(u.u32()),
  '\x94': (u) => u.store(),
  c: (u) => {
    const module = u.line()
    u.push(u.global(module, u.line()))
  },
  '\x93': (u) => {
    const name = u.pop()
    u.push(u.global(u.pop(), name))
  },
  i: (u) => {
    const module = u.line()
    const target = u.global(module, u.line())
    u.call(target, u.popToMark())
  },
  o: (u) => {
    const [target, ...args] = u.popToMark()
    u.call(target, args)
  },
  R: (u) => u.reduce(),
  '\x81': (u) => u.reduce(),
  '\x92': (u) => {
    u.pop() // keyword arguments
    u.reduce()
  },
  b: (u) => u.build(),
  P: (u) => u.persistent(u.line()),
  Q: (u) => u.persistent(u.pop()),
}
