/** @file Checks what the home page sends. */
import * as v from 'valibot'
import { type JobRequest, type NewJob, proposalMethods } from './protocol'

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
const id = v.pipe(v.number(), v.integer(), v.minValue(1))
/** A name of a run that this program made. */
export const runNameSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, 'the name of a training run'))

const jobs = [
  v.strictObject({
    kind: v.literal('propose'),
    adapter: v.nullable(runNameSchema),
    method: v.picklist(proposalMethods),
  }),
  v.strictObject({
    kind: v.literal('train'),
    minutes: v.pipe(v.number(), v.minValue(0.05), v.maxValue(10_000)),
    from: v.optional(v.nullable(runNameSchema)),
  }),
  v.strictObject({ kind: v.literal('measure'), acceptedOnly: v.boolean() }),
  v.strictObject({ kind: v.literal('fetch') }),
] as const

export const newJobSchema: v.GenericSchema<unknown, NewJob> = v.variant('kind', [...jobs])
export const jobRequestSchema: v.GenericSchema<unknown, JobRequest> = v.variant('kind', [
  ...jobs,
  v.strictObject({ kind: v.literal('continue'), id }),
])
export const pathRequestSchema = v.strictObject({ path })
export const stopRequestSchema = v.strictObject({ id })
export const modelRequestSchema = v.strictObject({ name: path })
