/** @file The shapes of what comes from outside: requests of the page, lines of a log, a proposals file. */
import * as v from 'valibot'
import type { CompressedRle } from '../../../engine/masks/rle'
import type { ImageInfo } from '../project'
import type { ActionRequest, EncodeRequest, LogEntry, LogHeader, PromptRequest, ReviewMask } from './protocol'

const whole = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(2 ** 31 - 1))
const finite = v.pipe(v.number(), v.finite())
const side = whole(1)

const Segmentation: v.GenericSchema<unknown, CompressedRle> = v.object({
  size: v.tuple([side, side]),
  counts: v.string(),
})

const kinds = [
  'remove',
  'merge',
  'split',
  'brush',
  'erase',
  'fill holes',
  'redraw',
  'add',
  'prompt',
  'refilter',
] as const

const Mask: v.GenericSchema<unknown, ReviewMask> = v.object({
  id: whole(1),
  segmentation: Segmentation,
  origin: v.picklist(['proposal', ...kinds]),
  predictedIou: v.nullable(finite),
  stability: v.nullable(finite),
})

const window = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, 'Invalid window: 1 to 64 letters, digits, - and _'))

const edit = {
  type: v.literal('edit'),
  edit: v.object({ kind: v.picklist(kinds), remove: v.array(whole(1)), add: v.array(Mask) }),
}
const undo = { type: v.literal('undo') }
const redo = { type: v.literal('redo') }
const state = { type: v.literal('state'), state: v.picklist(['proposed', 'in review', 'accepted']) }

const stamp = { seq: whole(1), time: v.string(), window }

export const Entry: v.GenericSchema<unknown, LogEntry> = v.variant('type', [
  v.object({ ...stamp, ...edit }),
  v.object({ ...stamp, ...undo }),
  v.object({ ...stamp, ...redo }),
  v.object({ ...stamp, ...state }),
])

/** What is not said of an image is not known: other programs write proposals too. */
const Info: v.GenericSchema<unknown, ImageInfo> = v.object({
  name: v.string(),
  width: side,
  height: side,
  source: v.optional(v.string(), ''),
  page: v.optional(whole(0), 0),
  croppedBottom: v.optional(whole(0), 0),
  pixelSize: v.optional(v.nullable(v.object({ metres: finite, from: v.string() })), null),
})

export const Header: v.GenericSchema<unknown, LogHeader> = v.object({
  version: v.literal(1),
  image: Info,
  proposals: v.array(Mask),
})

/** Of a proposals file what a review needs. */
export const Proposals = v.object({
  version: v.literal(1),
  image: Info,
  records: v.array(
    v.object({
      segmentation: Segmentation,
      predicted_iou: v.optional(v.nullable(finite), null),
      stability_score: v.optional(v.nullable(finite), null),
    }),
  ),
})

export const Act: v.GenericSchema<unknown, ActionRequest> = v.object({
  window,
  base: whole(0),
  action: v.variant('type', [v.object(edit), v.object(undo), v.object(redo), v.object(state)]),
})

export const Encode: v.GenericSchema<unknown, EncodeRequest> = v.object({ next: v.optional(v.string()) })

export const Prompt: v.GenericSchema<unknown, PromptRequest> = v.object({
  window,
  points: v.pipe(v.array(v.object({ x: finite, y: finite, foreground: v.boolean() })), v.maxLength(64)),
  box: v.nullable(v.tuple([finite, finite, finite, finite])),
})

/** Reads a value. @throws Error saying where it is not as it must be */
export function read<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  throw new Error(path ? `${path}: ${issue.message}` : issue.message)
}
