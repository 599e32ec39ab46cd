/** @file W&B's records as protobuf, by the field numbers of its wandb_internal.proto. */
import { Message } from '../protobuf'

/** Fields of a Record that hold one kind of record each. */
export const kinds = {
  history: 2,
  summary: 3,
  config: 5,
  files: 6,
  stats: 7,
  output: 13,
  run: 17,
  exit: 18,
  final: 20,
  header: 21,
  environment: 26,
} as const

export type Kind = keyof typeof kinds

/** A record as it goes into the log; they are numbered from 1. */
export const record = (number: number, kind: Kind, content: Message): Uint8Array =>
  new Message().whole(1, number).message(kinds[kind], content).finish()

/** A value as W&B's readers take it. Not-a-number and the infinities have no JSON; their names are what wandb writes. */
export function json(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return JSON.stringify(value) ?? 'null'
}

/** Items of config, history and summary: key and value. */
const items = (values: Record<string, unknown>) =>
  Object.entries(values).map(([key, value]) => new Message().text(1, key).text(16, json(value)))

export const header = (producer: string) =>
  // the least version of a server that reads this; what wandb's own clients write
  new Message().message(1, new Message().text(1, producer).text(2, '0.70.0'))

export interface RunFields {
  id: string
  project: string
  config: Record<string, unknown>
  name: string
  notes: string
  tags: readonly string[]
  host: string
  /** Milliseconds since 1970. */
  begun: number
}

export const run = ({ id, project, config, name, notes, tags, host, begun }: RunFields) =>
  new Message()
    .text(1, id)
    .text(3, project)
    .message(4, configUpdate(config))
    .text(8, name)
    .text(9, notes)
    .texts(10, tags)
    .text(13, host)
    .time(17, begun)

export const configUpdate = (values: Record<string, unknown>) => new Message().messages(1, items(values))

export const history = (step: number, values: Record<string, unknown>) =>
  new Message().messages(1, items(values)).message(2, new Message().whole(1, step))

export const summary = (values: Record<string, unknown>) => new Message().messages(1, items(values))

export const stats = (at: number, figures: Record<string, number>) =>
  new Message().time(2, at).messages(
    3,
    Object.entries(figures).map(([key, value]) => new Message().text(1, key).text(16, json(value))),
  )

const fileKind = { other: 0, wandb: 1, media: 2 }

/** A file under the run's files/, to be sent along. */
export const file = (path: string, kind: keyof typeof fileKind) =>
  new Message().message(1, new Message().text(1, path).whole(3, fileKind[kind]))

/** A line on stderr, where a run's messages go. */
export const output = (at: number, line: string) => new Message().time(2, at).text(3, `${line}\n`)

/** Seconds. A run without an exit counts as failed. */
export const exit = (code: number, runtime: number) => new Message().whole(1, code).whole(2, Math.round(runtime))

export const final = () => new Message()

export interface Environment {
  os: string
  program: string
  args: readonly string[]
  host: string
  executable: string
  /** Milliseconds since 1970. */
  begun: number
  cores: number
  cpu: string
  memoryBytes: number
  /** The same in all records of one session. */
  writer: string
}

export const environment = (e: Environment) =>
  new Message()
    .text(1, e.os)
    .time(3, e.begun)
    .texts(5, e.args)
    .text(6, e.program)
    .text(12, e.host)
    .text(14, e.executable)
    .whole(16, e.cores)
    .whole(17, e.cores)
    .message(21, new Message().whole(1, e.memoryBytes))
    .message(22, new Message().whole(1, e.cores).whole(2, e.cores).text(3, e.cpu))
    .text(199, e.writer)
