/** @file TensorBoard's events as protobuf, by the field numbers of its event.proto and summary.proto. */
import { Message } from '../protobuf'
import type { ImageEvent } from '../sink'

/** `content` fills the event's one further field. */
const event = (at: number, step: number, content: (event: Message) => Message): Uint8Array =>
  content(new Message().double(1, at / 1000).whole(2, step)).finish()

/** The first event of a file. */
export const version = (at: number) => event(at, 0, (e) => e.text(3, 'brain.Event:2'))

const SESSION_START = 1

/** Begins a session: what earlier files have of this step and of later ones no longer counts. */
export const sessionStart = (at: number, step: number) =>
  event(at, step, (e) => e.message(7, new Message().whole(1, SESSION_START)))

const summary = (at: number, step: number, values: readonly Message[]) =>
  event(at, step, (e) => e.message(5, new Message().messages(1, values)))

/** Numbers by their tags. */
export const scalars = (at: number, step: number, row: Record<string, number>) =>
  summary(
    at,
    step,
    Object.entries(row).map(([tag, value]) => new Message().text(1, tag).float(2, value)),
  )

const RGB = 3

export function image(at: number, { step, name, png, width, height, caption }: ImageEvent): Uint8Array {
  const picture = new Message().whole(1, height).whole(2, width).whole(3, RGB).bytes(4, png)
  return summary(at, step, [new Message().text(1, name).message(4, picture).message(9, about('images', caption))])
}

const STRING = 7

/** A text, shown as Markdown. */
export function text(at: number, step: number, tag: string, words: string): Uint8Array {
  const shape = new Message().message(2, new Message().whole(1, 1))
  const tensor = new Message().whole(1, STRING).message(2, shape).bytes(8, new TextEncoder().encode(words))
  return summary(at, step, [new Message().text(1, tag).message(8, tensor).message(9, about('text'))])
}

/** Which of TensorBoard's pages shows a value, and what is said under it. */
const about = (plugin: string, description = '') =>
  new Message().message(1, new Message().text(1, plugin)).text(3, description)
