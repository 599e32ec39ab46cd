/** @file Schemas of a review's log, and of the parts of a proposals file that a review needs. */
import * as v from 'valibot'
import { imageInfoSchema, segmentationSchema } from '../file-schemas'
import { maxClassName, maxComment } from './mask-marks'
import { editKinds, imageStates, type LogEntry, type LogHeader, type ReviewMask } from './review-records'
import { finiteNumber } from '../../text/check-value'

export const wholeNumber = (minimum: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(minimum), v.maxValue(2 ** 31 - 1))

export const windowNameSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/, '1 to 64 letters, digits, - and _'))

const maskSchema: v.GenericSchema<unknown, ReviewMask> = v.object({
  id: wholeNumber(1),
  segmentation: segmentationSchema,
  origin: v.picklist(['proposal', ...editKinds]),
  source: v.optional(v.picklist(['watershed', 'imported'])),
  predictedIou: v.nullable(finiteNumber),
  calibratedIou: v.optional(v.nullable(finiteNumber)),
  stability: v.nullable(finiteNumber),
})

/** A class has a name of one line. */
export const classNameSchema = v.pipe(
  v.string(),
  v.regex(/^[^\p{Cc}]+$/u, 'a class name of one line'),
  v.maxLength(maxClassName),
)

/** The fields of each type of action. */
export const actionFields = {
  edit: {
    type: v.literal('edit'),
    edit: v.object({
      kind: v.picklist(editKinds),
      remove: v.array(wholeNumber(1)),
      add: v.array(maskSchema),
    }),
  },
  mark: {
    type: v.literal('mark'),
    mark: v.object({
      ids: v.array(wholeNumber(1)),
      className: v.optional(v.nullable(classNameSchema)),
      locked: v.optional(v.boolean()),
      comment: v.optional(v.pipe(v.string(), v.maxLength(maxComment))),
    }),
  },
  undo: { type: v.literal('undo') },
  redo: { type: v.literal('redo') },
  state: { type: v.literal('state'), state: v.picklist(imageStates) },
}

const stamp = { seq: wholeNumber(1), time: v.string(), window: windowNameSchema }

export const entrySchema: v.GenericSchema<unknown, LogEntry> = v.variant('type', [
  v.object({ ...stamp, ...actionFields.edit }),
  v.object({ ...stamp, ...actionFields.mark }),
  v.object({ ...stamp, ...actionFields.undo }),
  v.object({ ...stamp, ...actionFields.redo }),
  v.object({ ...stamp, ...actionFields.state }),
])

const { source, page, croppedBottom, pixelSize } = imageInfoSchema.entries

/** Fields that masks do not depend on may be missing: other programs write proposals too. */
const imageSchema = v.object({
  ...imageInfoSchema.entries,
  name: v.string(),
  source: v.optional(source, ''),
  page: v.optional(page, 0),
  croppedBottom: v.optional(croppedBottom, 0),
  pixelSize: v.optional(pixelSize, null),
})

export const headerSchema: v.GenericSchema<unknown, LogHeader> = v.object({
  version: v.literal(1),
  image: imageSchema,
  proposals: v.array(maskSchema),
})

/** The parts of a proposals file that a review needs. */
export const reviewedProposalsSchema = v.object({
  version: v.literal(1),
  image: imageSchema,
  records: v.array(
    v.object({
      segmentation: segmentationSchema,
      predicted_iou: v.optional(v.nullable(finiteNumber), null),
      calibrated_iou: v.optional(v.nullable(finiteNumber)),
      stability_score: v.optional(v.nullable(finiteNumber), null),
      origin: v.optional(v.picklist(['watershed', 'imported'])),
    }),
  ),
})
