/** @file Detects label maps that were damaged or wrongly made: semantic masks, split or tiny instances, 8-bit overflow. */
import type { LabelMap } from '../../engine/image/label-map'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { count } from '../text/count'
import { boxes } from '../../engine/masks/instances'
import { labelComponents } from './label-components'

export interface LabelFinding {
  level: 'error' | 'warning'
  kind: 'semantic' | 'pieces' | 'tiny' | 'overflow' | 'full'
  message: string
}

/** A single label of at least this many components is a semantic mask of all particles, not an instance. */
const SEMANTIC_PIECES = 5
/** An 8-bit map ends at 255: a map with more labels than this that ends at exactly 255 has probably lost some. */
const OVERFLOW_LABELS = 200

/** Checks one label map; no findings if nothing is wrong. Gaps between label values are allowed. */
export function checkLabels(labels: LabelMap): LabelFinding[] {
  const found = boxes(labels)
  if (!found.length) return []
  const findings: LabelFinding[] = []
  const add = (level: LabelFinding['level'], kind: LabelFinding['kind'], message: string) =>
    findings.push({ level, kind, message })

  const parts = new Map<number, number>()
  for (const { id } of labelComponents(labels).list) parts.set(id, (parts.get(id) ?? 0) + 1)
  const broken = found.filter(({ id }) => parts.get(id)! > 1)
  if (found.length === 1 && parts.get(found[0].id)! >= SEMANTIC_PIECES)
    add(
      'error',
      'semantic',
      `its only label, ${found[0].id}, has ${parts.get(found[0].id)} connected components: this is one mask of all particles, not one label for each. If they do not touch, \`wgsam dataset import --format labels --split-pieces\` gives each a label`,
    )
  else if (broken.length)
    add(
      'warning',
      'pieces',
      `${count(broken.length, 'instance')} of ${found.length} with more than one connected component: ${examples(broken, ({ id }) => `label ${id} has ${parts.get(id)}`)}`,
    )
  const tiny = found.filter(({ area }) => area < MIN_INSTANCE_AREA)
  if (tiny.length)
    add(
      'warning',
      'tiny',
      `${count(tiny.length, 'instance')} of ${found.length} smaller than ${MIN_INSTANCE_AREA} pixels: ${examples(tiny, ({ id, area }) => `label ${id} has ${area}`)}`,
    )
  const highest = found.at(-1)!.id
  if (highest === 255 && found.length > OVERFLOW_LABELS)
    add(
      'warning',
      'overflow',
      `${found.length} labels that end at exactly 255: was the map saved with 8 bits? More than 255 instances need 16`,
    )
  if (found.reduce((sum, { area }) => sum + area, 0) === labels.width * labels.height)
    add('warning', 'full', 'no pixel is background (0): is one of the labels the background?')
  return findings
}

const examples = <T>(list: readonly T[], text: (entry: T) => string) =>
  list.slice(0, 3).map(text).join(', ') + (list.length > 3 ? ', …' : '')
