/**
 * @file The generator's parameters: the reference's under its own names (in camel case, with its defaults), and what dense
 * particle images need besides. Lengths are pixels of the image, areas whole pixels.
 */
import type { FilterOptions } from './filter'

export const outputModes = ['binary_mask', 'uncompressed_rle', 'coco_rle'] as const
export type OutputMode = (typeof outputModes)[number]

/** What decides which masks are found at all; the filters' settings (FilterOptions) can be changed afterwards. */
export interface GeneratorOptions extends FilterOptions {
  /** Points along each side of the grid that prompts the model; the grid covers each crop or tile. */
  pointsPerSide: number
  /** Prompts a pass of the decoder, at most: speed and memory only. */
  pointsPerBatch: number
  /** How far the threshold is moved to either side for the stability score, in logits. */
  stabilityScoreOffset: number
  /** The logit above which a pixel belongs to the mask. */
  maskThreshold: number
  /** Layers of crops besides the whole image: layer i has (2^i)^2 of them, i from 1. */
  cropNLayers: number
  /** Boxes of different crops with a higher IoU are one mask: that of the smaller crop stays. Reference mode only. */
  cropNmsThresh: number
  /** How far the crops of layer 1 overlap, as a share of the image's short side; half of it in the next layer, and so on. */
  cropOverlapRatio: number
  /** The grid of layer i has pointsPerSide / this^i points a side, rounded down. */
  cropNPointsDownscaleFactor: number
  /** Explicit points instead of the grid: one list of [x, y] a layer, each 0 to 1 of the crop's width and height. */
  pointGrids: readonly (readonly (readonly [number, number])[])[] | null
  /**
   * Fill holes and drop islands of fewer pixels (8-connected; the largest island stays), then suppress by boxes again.
   * It does not drop small masks: that is minArea. Reference mode only; see fillHoles and dropIslands. 0 is off.
   */
  minMaskRegionArea: number
  /** The form of reference mode's segmentations. */
  outputMode: OutputMode

  /** Further grids of so many points a side, besides pointsPerSide: denser where particles are small. */
  pointScales: readonly number[]
  /** Points of a second round, at most: the middles of what no mask covers yet. 0 is off. */
  refinePoints: number
  /** Side of the tiles that a large image is cut into, each encoded at the model's input size. 0 takes the image whole. */
  tileSize: number
  /** How far a tile reaches over its neighbours on every side. A particle up to this size is whole in one tile. */
  tileHalo: number
  /** Candidates need a higher predicted IoU; never above predIouThresh. */
  floorPredIou: number
  /** Candidates need at least this stability; never above stabilityScoreThresh. */
  floorStability: number
  /** Of candidates whose masks have a higher IoU only the best stays: they are the same mask found twice. 1 is off. */
  duplicateIou: number
  /** Holes of fewer pixels are filled. 0 is off. */
  fillHoles: number
  /** Parts of fewer pixels are dropped, but for the largest. 0 is off. */
  dropIslands: number
  /** Whether candidates keep their logits, so that another maskThreshold can be tried without the model. */
  keepLogits: boolean
}

export const defaultGeneratorOptions: GeneratorOptions = {
  pointsPerSide: 32,
  pointsPerBatch: 64,
  predIouThresh: 0.88,
  stabilityScoreThresh: 0.95,
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

/** Points a side, a batch, a round: more is a slip of the keyboard. */
const MOST_POINTS = 4096

/** The options with defaults for what is not given. @throws Error that names the option which is not as it should be */
export function checkGeneratorOptions(given: Partial<GeneratorOptions> = {}): GeneratorOptions {
  for (const name of Object.keys(given))
    if (!(name in defaultGeneratorOptions)) throw new Error(`there is no generator option ${name}`)
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const o: GeneratorOptions = { ...defaultGeneratorOptions, ...set }
  const whole = (name: keyof GeneratorOptions, least: number, most: number) => {
    const value = o[name] as number
    if (!Number.isInteger(value) || value < least || value > most)
      throw new Error(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`)
  }
  const within = (name: keyof GeneratorOptions, least: number, most: number) => {
    const value = o[name] as number
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw new Error(`${name} must be a number from ${least} to ${most}, not ${String(value)}`)
  }
  const choice = (name: keyof GeneratorOptions, values: readonly unknown[]) => {
    if (!values.includes(o[name]))
      throw new Error(`${name} must be one of ${values.join(', ')}, not ${String(o[name])}`)
  }
  whole('pointsPerSide', 1, MOST_POINTS)
  whole('pointsPerBatch', 1, MOST_POINTS)
  for (const name of ['predIouThresh', 'stabilityScoreThresh', 'boxNmsThresh', 'cropNmsThresh'] as const)
    within(name, 0, 1)
  for (const name of ['maskNmsThresh', 'containmentThresh', 'maxArea', 'duplicateIou'] as const) within(name, 0, 1)
  within('floorPredIou', 0, 1)
  within('floorStability', 0, 1)
  within('stabilityScoreOffset', 0, 100)
  within('maskThreshold', -100, 100)
  whole('cropNLayers', 0, 4)
  within('cropOverlapRatio', 0, 0.99)
  within('cropNPointsDownscaleFactor', 1, MOST_POINTS)
  for (const name of ['minMaskRegionArea', 'minArea', 'fillHoles', 'dropIslands'] as const) within(name, 0, 2 ** 31)
  whole('refinePoints', 0, MOST_POINTS ** 2)
  whole('tileHalo', 0, 2 ** 20)
  whole('tileSize', 0, 2 ** 20)
  choice('outputMode', outputModes)
  choice('dropFrames', [true, false])
  choice('keepLogits', [true, false])
  if (o.tileSize && o.tileSize < 2 * o.tileHalo + 16)
    throw new Error(`tileSize ${o.tileSize} must be at least twice tileHalo ${o.tileHalo} and 16 more`)
  if (o.tileSize && o.cropNLayers) throw new Error('tileSize and cropNLayers do not go together: choose one')
  if (!Array.isArray(o.pointScales)) throw new Error('pointScales must be a list of points a side')
  for (const n of o.pointScales)
    if (!Number.isInteger(n) || n < 1 || n > MOST_POINTS)
      throw new Error(`pointScales must hold whole numbers from 1 to ${MOST_POINTS}, not ${String(n)}`)
  checkGrids(o)
  o.floorPredIou = Math.min(o.floorPredIou, o.predIouThresh)
  o.floorStability = Math.min(o.floorStability, o.stabilityScoreThresh)
  return o
}

function checkGrids({ pointGrids, cropNLayers }: GeneratorOptions): void {
  if (pointGrids === null) return
  if (!Array.isArray(pointGrids) || pointGrids.length !== cropNLayers + 1)
    throw new Error(`pointGrids must hold a list of points for each of the ${cropNLayers + 1} layers`)
  for (const [layer, points] of pointGrids.entries()) {
    if (!Array.isArray(points)) throw new Error(`pointGrids: layer ${layer} must be a list of [x, y]`)
    for (const point of points)
      if (!Array.isArray(point) || point.length !== 2 || !point.every((c) => c >= 0 && c <= 1))
        throw new Error(`pointGrids: layer ${layer} has ${JSON.stringify(point)}, not [x, y] of 0 to 1`)
  }
}
