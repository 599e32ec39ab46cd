/** @file Schemas of what the page posts to its server. */
import * as v from 'valibot'
import { actionFields, finite, windowNameSchema, wholeNumber } from '../project/review/log-schema'
import type { ActionRequest } from '../project/review/review-records'
import type { EncodeRequest, PromptRequest } from './protocol'

const { edit, undo, redo, state } = actionFields

export const actionRequestSchema: v.GenericSchema<unknown, ActionRequest> = v.object({
  window: windowNameSchema,
  base: wholeNumber(0),
  revision: v.optional(v.pipe(v.string(), v.maxLength(64))),
  action: v.variant('type', [v.object(edit), v.object(undo), v.object(redo), v.object(state)]),
})

export const encodeRequestSchema: v.GenericSchema<unknown, EncodeRequest> = v.object({ next: v.optional(v.string()) })

export const promptRequestSchema: v.GenericSchema<unknown, PromptRequest> = v.object({
  window: windowNameSchema,
  points: v.pipe(v.array(v.object({ x: finite, y: finite, foreground: v.boolean() })), v.maxLength(64)),
  box: v.nullable(v.tuple([finite, finite, finite, finite])),
})
