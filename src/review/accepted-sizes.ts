/** @file The sizes of the particles of all accepted images, for the page's histogram. */
import { decodeMask } from '../../engine/masks/rle'
import { maskArea } from '../../engine/masks/mask'
import { edgeWeight } from '../measure/statistics/edges'
import { ReviewDocument } from '../project/review/document'
import type { ReviewFolder } from '../project/review/review-folder'
import type { AcceptedSizes } from './protocol'

/** Each image is read once; its log's last entry says whether it has changed. */
const known = new WeakMap<ReviewFolder, Map<string, { seq: number; particles: AcceptedSizes['particles'] }>>()

export async function acceptedSizes(folder: ReviewFolder): Promise<AcceptedSizes[]> {
  const kept = known.get(folder) ?? new Map<string, { seq: number; particles: AcceptedSizes['particles'] }>()
  known.set(folder, kept)
  const found: AcceptedSizes[] = []
  for (const { info, state, problem } of folder.summaries) {
    if (state !== 'accepted' || problem) continue
    const history = await folder.history(info.name)
    const seq = history.entries.length
    let own = kept.get(info.name)
    if (own?.seq !== seq) {
      own = { seq, particles: particlesOf(ReviewDocument.replay(history)) }
      kept.set(info.name, own)
    }
    found.push({ name: info.name, metres: info.pixelSize?.metres ?? null, particles: own.particles })
  }
  return found
}

/** Area and weight of each mask of a document. */
export function particlesOf({ masks, size }: ReviewDocument): AcceptedSizes['particles'] {
  return masks.map(({ segmentation }) => {
    const mask = decodeMask(segmentation)
    const { x0, y0, width, height } = mask
    const touches = x0 === 0 || y0 === 0 || x0 + width === size.width || y0 + height === size.height
    return [maskArea(mask), edgeWeight('correct', size, mask, touches)]
  })
}
