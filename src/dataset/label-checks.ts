/** @file Detects label maps that were damaged or wrongly made: semantic masks, split or tiny instances, 8-bit overflow. */
import type { LabelMap } from '../../engine/image/label-map'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { count } from '../text/count'
import { boxes } from '../../engine/masks/instances'
import { labelComponents } from './label-components'

export interface LabelFinding {
  level: 'error' | 'warning'
  kind: 'semantic' | 'void' | 'pieces' | 'tiny' | 'overflow' | 'full'
  message: string
}

/** A single label of at least this many components is a semantic mask of all particles, not an instance. */
const SEMANTIC_PIECES = 5
/** An 8-bit map ends at 255: a map with more labels than this that ends at exactly 255 has probably lost some. */
const OVERFLOW_LABELS = 200

/** The value of outlines that belong to no object in Pascal VOC and what follows it. */
const VOID = 255
/** The label of an outline stands apart from the others' numbers, and touches at least this share of them. */
const MIN_GAP = 2
const TOUCHED_SHARE = 0.5
const FEWEST_TOUCHED = 3

/** What a map is instead of one label for each particle: one mask of all, or with outlines as a label; undefined if neither. @param found its instances */
export function wrongKind(
  labels: LabelMap,
  found = boxes(labels),
): { kind: 'semantic' | 'void'; message: string } | undefined {
  if (found.length === 1) {
    const pieces = labelComponents(labels).list.length
    if (pieces < SEMANTIC_PIECES) return undefined
    const message = `its only label, ${found[0].id}, has ${pieces} connected components: this is one mask of all particles, not one label for each. If they do not touch, \`wgsam dataset import --format labels --split-pieces\` gives each a label`
    return { kind: 'semantic', message }
  }
  const [last, highest] = [found.at(-1)?.id, found.at(-2)?.id ?? 0]
  if (last !== VOID || VOID - highest < MIN_GAP) return undefined
  const touched = touching(labels, VOID)
  if (touched < FEWEST_TOUCHED || touched < TOUCHED_SHARE * (found.length - 1)) return undefined
  const message = `label ${VOID} touches ${touched} of the ${found.length - 1} others, whose numbers end at ${highest}: it looks like the outlines that Pascal VOC marks with ${VOID} and that belong to no particle. Set them to 0`
  return { kind: 'void', message }
}

/** How many other labels have a pixel beside one of a label. */
function touching({ width, data }: LabelMap, label: number): number {
  const others = new Set<number>()
  for (let i = 0; i < data.length; i++)
    for (const next of (i + 1) % width ? [i + 1, i + width] : [i + width])
      if (next < data.length && (data[i] === label) !== (data[next] === label)) {
        const other = data[i] === label ? data[next] : data[i]
        if (other) others.add(other)
      }
  return others.size
}

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
  const wrong = wrongKind(labels, found)
  if (wrong) add(wrong.kind === 'semantic' ? 'error' : 'warning', wrong.kind, wrong.message)
  if (wrong?.kind !== 'semantic' && broken.length)
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
