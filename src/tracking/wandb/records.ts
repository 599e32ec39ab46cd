/** @file W&B's records as protobuf; field numbers of its wandb_internal.proto. */
import { Message } from '../protobuf'

/** Field numbers of the kinds of record in a Record. */
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

/** The bytes of a record; records are numbered from 1. */
export const record = (number: number, kind: Kind, content: Message): Uint8Array =>
  new Message().whole(1, number).message(kinds[kind], content).finish()

/** A value as JSON for W&B. For NaN and infinity, which JSON lacks, wandb writes these names. */
function json(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return JSON.stringify(value) ?? 'null'
}

/** Key-value items of config, history and summary. */
const items = (values: Record<string, unknown>) =>
  Object.entries(values).map(([key, value]) => new Message().text(1, key).text(16, json(value)))

export const header = (producer: string) =>
  // the minimum version of a server that can read it, as wandb's own clients write it
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
  startedAt: number
}

export const run = ({ id, project, config, name, notes, tags, host, startedAt }: RunFields) =>
  new Message()
    .text(1, id)
    .text(3, project)
    .message(4, configUpdate(config))
    .text(8, name)
    .text(9, notes)
    .texts(10, tags)
    .text(13, host)
    .time(17, startedAt)

export const configUpdate = (values: Record<string, unknown>) => new Message().messages(1, items(values))

export const history = (step: number, values: Record<string, unknown>) =>
  new Message().messages(1, items(values)).message(2, new Message().whole(1, step))

export const summary = (values: Record<string, unknown>) => new Message().messages(1, items(values))

export const stats = (at: number, metrics: Record<string, number>) =>
  new Message().time(2, at).messages(
    3,
    Object.entries(metrics).map(([key, value]) => new Message().text(1, key).text(16, json(value))),
  )

const fileKind = { other: 0, wandb: 1, media: 2 }

/** A file under the run's files/ that `wandb sync` uploads. */
export const file = (path: string, kind: keyof typeof fileKind) =>
  new Message().message(1, new Message().text(1, path).whole(3, fileKind[kind]))

/** A line on stderr, where the run's log is written. */
export const output = (at: number, line: string) => new Message().time(2, at).text(3, `${line}\n`)

/** The end of a run; `runtime` in seconds. W&B shows a run without it as failed. */
export const exit = (code: number, runtime: number) => new Message().whole(1, code).whole(2, Math.round(runtime))

export const final = () => new Message()

export interface Environment {
  os: string
  program: string
  args: readonly string[]
  host: string
  executable: string
  /** Milliseconds since 1970. */
  startedAt: number
  cores: number
  cpu: string
  memoryBytes: number
  /** Identifier of the session, the same in all its records. */
  writer: string
}

export const environment = (e: Environment) =>
  new Message()
    .text(1, e.os)
    .time(3, e.startedAt)
    .texts(5, e.args)
    .text(6, e.program)
    .text(12, e.host)
    .text(14, e.executable)
    .whole(16, e.cores)
    .whole(17, e.cores)
    .message(21, new Message().whole(1, e.memoryBytes))
    .message(22, new Message().whole(1, e.cores).whole(2, e.cores).text(3, e.cpu))
    .text(199, e.writer)
