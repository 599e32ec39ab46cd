/** @file What to try where a generator kept few masks: which filter dropped most, and how many looser thresholds would keep. */
import { filterNames } from '../../engine/generate/filter'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { thresholdText } from '../evaluation/tuned-thresholds'
import { count } from '../text/count'
import type { ImageResult } from './generate-folder'
import { LOOSER } from './looser-thresholds'

/** The names of the filters for people. */
export const filterTitles: Record<string, string> = {
  floorPredIou: 'low predicted IoU (floor)',
  floorStability: 'unstable (floor)',
  cropEdge: 'cut by a crop’s edge',
  duplicates: 'duplicates',
  seams: 'joined at tile seams',
  predictedIou: 'predicted IoU',
  stability: 'stability',
  minArea: 'too small',
  maxArea: 'too large',
  frames: 'touches three or four image edges',
  boxNms: 'box overlap',
  maskNms: 'mask overlap',
  containment: 'nested in another',
  relativeScore: 'score far below the best of the image',
}

/** Images with fewer masks on average have few. */
const FEW = 10

export interface Advice {
  /** What was dropped, as a sentence. */
  line: string
  /** Whether LOOSER thresholds would keep clearly more masks. */
  looser: boolean
}

/**
 * @returns null if there are masks enough, or nothing was generated
 */
export function fewMasks(results: readonly ImageResult[], options: GeneratorOptions): Advice | null {
  const done = results.filter(({ outcome, file }) => file && (outcome === 'done' || outcome === 'filtered'))
  const kept = done.reduce((sum, { file }) => sum + file!.records.length, 0)
  if (!done.length || kept >= FEW * done.length) return null
  const dropped = filterNames.map((name): [string, number] => [
    name,
    done.reduce((sum, { file }) => sum + (file!.removed[name] ?? 0), 0),
  ])
  const seen = kept + dropped.reduce((sum, [, count]) => sum + count, 0)
  const [name, most] = dropped.reduce((a, b) => (b[1] > a[1] ? b : a))
  const where = count(done.length, 'image')
  if (!most) return { line: `few masks were found: ${kept} on ${where}, and no filter dropped any`, looser: false }
  const thresholds: Record<string, string> = {
    predictedIou: `, which must be above ${options.predIouThresh}`,
    stability: `, which must be at least ${options.stabilityScoreThresh}`,
    relativeScore: `, and ${options.relativeScoreThresh} of the best is asked for`,
  }
  const line = `few masks were kept: ${kept} of ${count(seen, 'candidate')} on ${where}. Most were dropped by: ${filterTitles[name]} (${most}${thresholds[name] ?? ''})`
  const counts = done.map(({ looser }) => looser ?? 0).reduce((sum, count) => sum + count, 0)
  if (counts < 1.5 * kept + 1) return { line, looser: false }
  return {
    line: `${line}. With looser thresholds (${thresholdText(LOOSER)}) there are ${counts}`,
    looser: true,
  }
}
