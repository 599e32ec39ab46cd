/** @file TensorBoard's events as protobuf; field numbers of its event.proto and summary.proto. */
import { Message } from '../protobuf'
import type { ImageEvent } from '../sink'

/** An event at a time in milliseconds since 1970; `content` adds the one field beside time and step. */
const event = (at: number, step: number, content: (event: Message) => Message): Uint8Array =>
  content(new Message().double(1, at / 1000).whole(2, step)).finish()

/** The first event of a file. */
export const version = (at: number) => event(at, 0, (e) => e.text(3, 'brain.Event:2'))

const SESSION_START = 1

/** Begins a session: TensorBoard then ignores events of this step and later ones in earlier files. */
export const sessionStart = (at: number, step: number) =>
  event(at, step, (e) => e.message(7, new Message().whole(1, SESSION_START)))

const summary = (at: number, step: number, values: readonly Message[]) =>
  event(at, step, (e) => e.message(5, new Message().messages(1, values)))

/** Numbers by tag. */
export const scalars = (at: number, step: number, row: Record<string, number>) =>
  summary(
    at,
    step,
    Object.entries(row).map(([tag, value]) => new Message().text(1, tag).float(2, value)),
  )

const RGB = 3

export function image(at: number, { step, name, png, width, height, caption }: ImageEvent): Uint8Array {
  const picture = new Message().whole(1, height).whole(2, width).whole(3, RGB).bytes(4, png)
  return summary(at, step, [new Message().text(1, name).message(4, picture).message(9, metadata('images', caption))])
}

const STRING = 7

/** A text, shown as Markdown. */
export function text(at: number, step: number, tag: string, content: string): Uint8Array {
  const shape = new Message().message(2, new Message().whole(1, 1))
  const tensor = new Message().whole(1, STRING).message(2, shape).bytes(8, new TextEncoder().encode(content))
  return summary(at, step, [new Message().text(1, tag).message(8, tensor).message(9, metadata('text'))])
}

/** Metadata of a value: the TensorBoard plugin that shows it, and the description under it. */
const metadata = (plugin: string, description = '') =>
  new Message().message(1, new Message().text(1, plugin)).text(3, description)
