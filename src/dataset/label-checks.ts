/** @file What a label map looks like when something went wrong on its way. */
import type { LabelMap } from '../../engine/image/label-map'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { boxes } from './instances'
import { pieces } from './label-components'

export interface LabelFinding {
  level: 'error' | 'warning'
  kind: 'semantic' | 'pieces' | 'tiny' | 'overflow' | 'full'
  message: string
}

/** One label in so many pieces is a mask of all particles, not an instance. */
const SEMANTIC_PIECES = 5
/** 8-bit maps end at 255: a map with more labels than this that reaches 255 has likely lost some. */
const OVERFLOW_LABELS = 200

/** The findings of one label map, none where all is well. Gaps between label values are no matter. */
export function checkLabels(labels: LabelMap): LabelFinding[] {
  const found = boxes(labels)
  if (!found.length) return []
  const findings: LabelFinding[] = []
  const add = (level: LabelFinding['level'], kind: LabelFinding['kind'], message: string) =>
    findings.push({ level, kind, message })

  const parts = new Map<number, number>()
  for (const { id } of pieces(labels).list) parts.set(id, (parts.get(id) ?? 0) + 1)
  const broken = found.filter(({ id }) => parts.get(id)! > 1)
  if (found.length === 1 && parts.get(found[0].id)! >= SEMANTIC_PIECES)
    add(
      'error',
      'semantic',
      `its only label, ${found[0].id}, lies in ${parts.get(found[0].id)} pieces: this is a mask of all particles, not one label each. If they do not touch, \`wgsam dataset import --format labels --split-pieces\` numbers them`,
    )
  else if (broken.length)
    add(
      'warning',
      'pieces',
      `${count(broken.length, 'instance')} of ${found.length} in several pieces: ${examples(broken, ({ id }) => `label ${id} in ${parts.get(id)}`)}`,
    )
  const tiny = found.filter(({ area }) => area < MIN_INSTANCE_AREA)
  if (tiny.length)
    add(
      'warning',
      'tiny',
      `${count(tiny.length, 'instance')} of ${found.length} below ${MIN_INSTANCE_AREA} pixels: ${examples(tiny, ({ id, area }) => `label ${id} has ${area}`)}`,
    )
  const highest = found.at(-1)!.id
  if (highest === 255 && found.length > OVERFLOW_LABELS)
    add(
      'warning',
      'overflow',
      `${found.length} labels that end at exactly 255: was it saved with 8 bits? More than 255 instances need 16`,
    )
  if (found.reduce((sum, { area }) => sum + area, 0) === labels.width * labels.height)
    add('warning', 'full', 'no pixel is background (0): is one of the labels the ground?')
  return findings
}

const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`

const examples = <T>(list: readonly T[], text: (entry: T) => string) =>
  list.slice(0, 3).map(text).join(', ') + (list.length > 3 ? ', …' : '')
