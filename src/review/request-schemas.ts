/** @file Schemas of what the page posts to its server. */
import * as v from 'valibot'
import { plausible } from '../images/microscope/pixel-size'
import { segmentationSchema } from '../project/file-schemas'
import { actionFields, windowNameSchema, wholeNumber } from '../project/review/log-schema'
import { finiteNumber } from '../text/check-value'
import type { ActionRequest } from '../project/review/review-records'
import type { EncodeRequest, PixelSizeRequest, PromptRequest, SimilarMasksRequest, SimilarRequest } from './protocol'

const { edit, mark, undo, redo, state } = actionFields

export const actionRequestSchema: v.GenericSchema<unknown, ActionRequest> = v.object({
  window: windowNameSchema,
  base: wholeNumber(0),
  revision: v.optional(v.pipe(v.string(), v.maxLength(64))),
  action: v.variant('type', [v.object(edit), v.object(mark), v.object(undo), v.object(redo), v.object(state)]),
})

export const pixelSizeRequestSchema: v.GenericSchema<unknown, PixelSizeRequest> = v.object({
  images: v.pipe(v.array(v.string()), v.minLength(1)),
  size: v.nullable(
    v.object({
      metres: v.pipe(v.number(), v.check(plausible, 'a pixel size between 1 pm and 1 mm')),
      from: v.pipe(v.string(), v.maxLength(200)),
    }),
  ),
})

export const encodeRequestSchema: v.GenericSchema<unknown, EncodeRequest> = v.object({ next: v.optional(v.string()) })

export const promptRequestSchema: v.GenericSchema<unknown, PromptRequest> = v.object({
  window: windowNameSchema,
  purpose: v.optional(v.picklist(['hover', 'take'])),
  points: v.pipe(v.array(v.object({ x: finiteNumber, y: finiteNumber, foreground: v.boolean() })), v.maxLength(64)),
  box: v.nullable(v.tuple([finiteNumber, finiteNumber, finiteNumber, finiteNumber])),
  mask: v.optional(segmentationSchema),
})

const examples = v.pipe(v.array(segmentationSchema), v.minLength(1), v.maxLength(32))

export const similarRequestSchema: v.GenericSchema<unknown, SimilarRequest> = v.object({ examples })

export const similarMasksRequestSchema: v.GenericSchema<unknown, SimilarMasksRequest> = v.object({
  examples,
  points: v.pipe(v.array(v.object({ x: finiteNumber, y: finiteNumber })), v.minLength(1), v.maxLength(16)),
})
