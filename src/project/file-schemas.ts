/** @file The JSON files of a project: one schema each, and the types derived from them. */
import * as v from 'valibot'
import { finiteNumber } from '../text/check-value'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 20))
const xywh = v.tuple([finiteNumber, finiteNumber, finiteNumber, finiteNumber])

/** COCO's compressed run-length encoding; `size` is [height, width]. */
export const segmentationSchema = v.object({ size: v.tuple([side, side]), counts: v.string() })

/** What masks and measurements need to know about an image. */
export const imageInfoSchema = v.object({
  /** The name of all its files, without extension; unique in the project. */
  name: v.pipe(v.string(), v.minLength(1)),
  width: side,
  height: side,
  /** The file that it was read from. */
  source: v.string(),
  /** The page of that file, from 0. */
  page: count,
  /** Rows removed at the bottom: the microscope's info bar. */
  croppedBottom: count,
  /**
   * Metres per pixel, and where that was read ('FEI tag 34682', '--pixel-size'); null if unknown.
   */
  pixelSize: v.nullable(v.object({ metres: v.pipe(finiteNumber, v.gtValue(0)), from: v.string() })),
})
export type ImageInfo = v.InferOutput<typeof imageInfoSchema>

/** The calibration of an adapter's predicted IoU, as knots: see src/statistics/calibration.ts. */
const knots = v.pipe(v.array(v.tuple([finiteNumber, finiteNumber])), v.minLength(1))

/** A mask with its measures, under the names that Meta's segment-anything uses. */
const proposalRecordSchema = v.object({
  segmentation: segmentationSchema,
  /** Pixels. */
  area: count,
  /** x, y, width, height. */
  bbox: xywh,
  predicted_iou: finiteNumber,
  /** What masks with this predicted IoU turned out to have on average; missing if the adapter is not calibrated. */
  calibrated_iou: v.optional(finiteNumber),
  stability_score: finiteNumber,
  /** The point of the prompt. */
  point_coords: v.array(v.tuple([finiteNumber, finiteNumber])),
  /** The box of the prompt; absent if it was a point alone. */
  box_prompt: v.optional(xywh),
  /** x, y, width, height. */
  crop_box: xywh,
  /** Set if the mask is not a model's: its scores are 0 and mean nothing. */
  origin: v.optional(v.picklist(['watershed', 'imported'])),
})
export type ProposalRecord = v.InferOutput<typeof proposalRecordSchema>

const viewSchema = v.object({
  tileSize: count,
  tileHalo: count,
  tiles: count,
  magnification: finiteNumber,
  diameter: v.nullable(finiteNumber),
  limit: v.nullable(v.picklist(['magnification', 'tiles', 'largest'])),
})

/** proposals/NAME.json */
export const proposalFileSchema = v.object({
  version: v.literal(1),
  image: imageInfoSchema,
  /** How the masks were made: model, adapter, input size, every option. */
  generator: v.object({
    /** 'watershed' or 'imported' if there was no model. */
    model: v.string(),
    /** How masks were proposed if not by the model alone. */
    method: v.optional(v.picklist(['watershed', 'union'])),
    adapter: v.nullable(v.string()),
    /** Null without a model. */
    size: v.nullable(side),
    options: v.record(v.string(), v.unknown()),
    /** What a predicted IoU means; missing if the adapter is not calibrated. */
    calibration: v.optional(knots),
    /** Where the thresholds come from, as text. */
    thresholds: v.optional(v.string()),
    /** The parts of the image that the model saw (View); absent in projects of earlier versions. */
    view: v.optional(viewSchema),
  }),
  /** A hash of the image and the options: equal if the same work was done before. */
  key: v.string(),
  /** Time that the generator took for this image. */
  seconds: finiteNumber,
  /** The number of prompts that the model was given; absent in files of earlier versions. */
  prompts: v.optional(count),
  /** The number of masks that the model predicted: three for a point, one for a point and a box. */
  masks: count,
  /** How many masks each filter removed, in order. */
  removed: v.record(v.string(), count),
  records: v.array(proposalRecordSchema),
})
export type ProposalFile = v.InferOutput<typeof proposalFileSchema>

/** candidates/NAME.json */
export const candidateFileSchema = v.object({
  version: v.literal(1),
  image: imageInfoSchema,
  /** The filter settings that chose the proposals (FilterOptions). */
  options: v.record(v.string(), v.unknown()),
  /** By predicted IoU, the best first. */
  candidates: v.array(proposalRecordSchema),
  /** Pairs of candidates that share pixels: two indices, the lower one first, and the number of shared pixels. */
  overlaps: v.array(v.tuple([count, count, count])),
})
export type CandidateFile = v.InferOutput<typeof candidateFileSchema>
