/**
 * @file The generator's options: the reference implementation's parameters (in camel case; its defaults but for the thresholds), and
 * further ones for images of dense particles. Lengths are in pixels of the image, areas in whole pixels.
 */
import { SettingError } from '../setting-error'
import type { FilterOptions, ScoreThresholds } from './filter'

export const outputModes = ['binary_mask', 'uncompressed_rle', 'coco_rle'] as const
export type OutputMode = (typeof outputModes)[number]

/** Where prompts come from: a grid of points, the model's prompt head (learned), or the head if there is one (auto). */
export type PromptOrigin = 'auto' | 'grid' | 'learned'
/** Where prompts come from, once it is known whether there is a prompt head. */
export type UsedPrompts = Exclude<PromptOrigin, 'auto'>
const promptOrigins: readonly PromptOrigin[] = ['auto', 'grid', 'learned']

/** These options decide which masks are found at all; those of FilterOptions can be changed afterwards. */
export interface GeneratorOptions extends FilterOptions {
  /**
   * Where prompts come from: a grid of points, or one point and box for each particle that the model's prompt head sees.
   * 'auto' is 'learned' if the model has a prompt head and no other points are given, else 'grid'. Reference mode always uses
   * the grid.
   */
  prompts: PromptOrigin
  /** Points along each side of the grid that prompts the model; the grid covers each crop or tile. */
  pointsPerSide: number
  /** Maximum number of prompts per decoder pass: affects speed and memory only. */
  pointsPerBatch: number
  /** How far the threshold is moved to either side for the stability score, in logits. */
  stabilityScoreOffset: number
  /** The logit above which a pixel belongs to the mask. */
  maskThreshold: number
  /** Layers of crops besides the whole image: layer i has (2^i)^2 of them, i from 1. */
  cropNLayers: number
  /** Of two boxes of different crops with a higher IoU, the one of the smaller crop is kept. Reference mode only. */
  cropNmsThresh: number
  /** Overlap of the crops of layer 1 as a fraction of the image's short side; half of it in the next layer, and so on. */
  cropOverlapRatio: number
  /** The grid of layer i has pointsPerSide / this^i points along each side, rounded down. */
  cropNPointsDownscaleFactor: number
  /** Explicit points instead of the grid: one list of [x, y] per layer, as fractions of the crop's width and height. */
  pointGrids: readonly (readonly (readonly [number, number])[])[] | null
  /**
   * Fill holes and drop islands of fewer pixels (8-connected; the largest island is kept), then suppress by boxes again.
   * Small masks are not dropped by it, but by minArea. Reference mode only; see fillHoles and dropIslands. 0 is off.
   */
  minMaskRegionArea: number
  /** The encoding of segmentations in reference mode. */
  outputMode: OutputMode

  /** Points along each side of further grids: denser ones find small particles. */
  pointScales: readonly number[]
  /** Maximum number of points of a second round, in the middle of what no mask covers yet. 0 is off. */
  refinePoints: number
  /** Side of the tiles that a large image is cut into, each encoded at the model's input size. 0 encodes the whole image. */
  tileSize: number
  /** How far a tile extends beyond its core on every side. A particle up to this size is whole in at least one tile. */
  tileHalo: number
  /** Candidates have a higher predicted IoU; at most predIouThresh. */
  floorPredIou: number
  /** Candidates have at least this stability; at most stabilityScoreThresh. */
  floorStability: number
  /** Of candidates whose masks have a higher IoU, only the best is kept: they are duplicates. 1 is off. */
  duplicateIou: number
  /** Fill holes of fewer pixels. 0 is off. */
  fillHoles: number
  /** Drop connected components of fewer pixels, but not the largest. 0 is off. */
  dropIslands: number
  /** Whether candidates keep their logits, so that another maskThreshold can be tried without the model. */
  keepLogits: boolean
}

/**
 * The defaults. Those of the thresholds suit particles: a model is less sure of them than of what photographs show, and what is no
 * particle has lower scores than the best masks of the image (docs/results.md#thresholds-of-the-generator).
 */
export const defaultGeneratorOptions: GeneratorOptions = {
  prompts: 'auto',
  pointsPerSide: 32,
  pointsPerBatch: 64,
  predIouThresh: 0.7,
  stabilityScoreThresh: 0.7,
  stabilityScoreOffset: 1,
  maskThreshold: 0,
  boxNmsThresh: 0.7,
  cropNLayers: 0,
  cropNmsThresh: 0.7,
  cropOverlapRatio: 512 / 1500,
  cropNPointsDownscaleFactor: 1,
  pointGrids: null,
  minMaskRegionArea: 0,
  outputMode: 'binary_mask',

  minArea: 0,
  maxArea: 0.5,
  dropFrames: true,
  maskNmsThresh: 0.7,
  containmentThresh: 0.85,
  relativeScoreThresh: 0.8,

  pointScales: [],
  refinePoints: 0,
  tileSize: 0,
  tileHalo: 128,
  floorPredIou: 0.5,
  floorStability: 0.5,
  duplicateIou: 0.95,
  fillHoles: 0,
  dropIslands: 0,
  keepLogits: true,
}

/** The thresholds of Meta’s generator, which suit photographs. */
export const referenceThresholds: Readonly<ScoreThresholds> = {
  predIouThresh: 0.88,
  stabilityScoreThresh: 0.95,
  relativeScoreThresh: 0,
}

/** Maximum number of points along a side or in a batch; a larger number is a typing error. */
const MAX_POINTS = 4096

/**
 * The options, with defaults for those not given.
 * @throws SettingError that names an unknown or invalid option
 * @example
 * checkGeneratorOptions({ pointsPerSide: 16 }).predIouThresh // 0.7
 */
export function checkGeneratorOptions(given: Partial<GeneratorOptions> = {}): GeneratorOptions {
  for (const name of Object.keys(given))
    if (!(name in defaultGeneratorOptions)) throw new SettingError(`there is no generator option ${name}`)
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const o: GeneratorOptions = { ...defaultGeneratorOptions, ...set }
  const whole = (name: keyof GeneratorOptions, min: number, max: number) => {
    const value = o[name] as number
    if (!Number.isInteger(value) || value < min || value > max)
      throw new SettingError(`${name} must be a whole number from ${min} to ${max}, not ${String(value)}`)
  }
  const within = (name: keyof GeneratorOptions, min: number, max: number) => {
    const value = o[name] as number
    if (typeof value !== 'number' || !(value >= min && value <= max))
      throw new SettingError(`${name} must be a number from ${min} to ${max}, not ${String(value)}`)
  }
  const choice = (name: keyof GeneratorOptions, values: readonly unknown[]) => {
    if (!values.includes(o[name]))
      throw new SettingError(`${name} must be one of ${values.join(', ')}, not ${String(o[name])}`)
  }
  whole('pointsPerSide', 1, MAX_POINTS)
  whole('pointsPerBatch', 1, MAX_POINTS)
  for (const name of ['predIouThresh', 'stabilityScoreThresh', 'boxNmsThresh', 'cropNmsThresh'] as const)
    within(name, 0, 1)
  for (const name of ['maskNmsThresh', 'containmentThresh', 'relativeScoreThresh', 'maxArea', 'duplicateIou'] as const)
    within(name, 0, 1)
  within('floorPredIou', 0, 1)
  within('floorStability', 0, 1)
  within('stabilityScoreOffset', 0, 100)
  within('maskThreshold', -100, 100)
  whole('cropNLayers', 0, 4)
  within('cropOverlapRatio', 0, 0.99)
  within('cropNPointsDownscaleFactor', 1, MAX_POINTS)
  for (const name of ['minMaskRegionArea', 'minArea', 'fillHoles', 'dropIslands'] as const) within(name, 0, 2 ** 31)
  whole('refinePoints', 0, MAX_POINTS ** 2)
  whole('tileHalo', 0, 2 ** 20)
  whole('tileSize', 0, 2 ** 20)
  choice('outputMode', outputModes)
  choice('prompts', promptOrigins)
  choice('dropFrames', [true, false])
  choice('keepLogits', [true, false])
  if (o.tileSize && o.tileSize < 2 * o.tileHalo + 16)
    throw new SettingError(`tileSize ${o.tileSize} must be at least twice tileHalo ${o.tileHalo} and 16 more`)
  if (o.tileSize && o.cropNLayers) throw new SettingError('tileSize and cropNLayers do not go together: choose one')
  if (!Array.isArray(o.pointScales)) throw new SettingError('pointScales must be a list of points a side')
  for (const n of o.pointScales)
    if (!Number.isInteger(n) || n < 1 || n > MAX_POINTS)
      throw new SettingError(`pointScales must hold whole numbers from 1 to ${MAX_POINTS}, not ${String(n)}`)
  checkGrids(o)
  if (o.prompts === 'learned' && (o.pointGrids || o.pointScales.length))
    throw new SettingError('prompts learned do not go together with pointGrids or pointScales: choose one')
  o.floorPredIou = Math.min(o.floorPredIou, o.predIouThresh)
  o.floorStability = Math.min(o.floorStability, o.stabilityScoreThresh)
  return o
}

/** The kind of prompts that are used. @param head whether there is a prompt head */
export function promptsUsed(
  { prompts, pointGrids, pointScales }: Pick<GeneratorOptions, 'prompts' | 'pointGrids' | 'pointScales'>,
  head: boolean,
): UsedPrompts {
  if (prompts !== 'auto') return prompts
  return head && !pointGrids && !pointScales.length ? 'learned' : 'grid'
}

function checkGrids({ pointGrids, cropNLayers }: GeneratorOptions): void {
  if (pointGrids === null) return
  if (!Array.isArray(pointGrids) || pointGrids.length !== cropNLayers + 1)
    throw new SettingError(`pointGrids must hold a list of points for each of the ${cropNLayers + 1} layers`)
  for (const [layer, points] of pointGrids.entries()) {
    if (!Array.isArray(points)) throw new SettingError(`pointGrids: layer ${layer} must be a list of [x, y]`)
    for (const point of points)
      if (!Array.isArray(point) || point.length !== 2 || !point.every((c) => c >= 0 && c <= 1))
        throw new SettingError(`pointGrids: layer ${layer} has ${JSON.stringify(point)}, not [x, y] of 0 to 1`)
  }
}
