/** @file The worst particles of each model: kept while images are evaluated, for a figure of where a model fails. */
import type { Box } from '../../engine/image/box'
import { type Mask, maskArea } from '../../engine/masks/mask'
import { trimMask } from '../../engine/masks/mask-algebra'
import type { DatasetItem } from '../dataset/dataset'
import type { Instance } from '../../engine/masks/instances'
import type { EvaluatedImage } from '../evaluation/evaluate'
import type { PromptMode } from '../evaluation/segmenter'

export interface WorstCase {
  item: DatasetItem
  prompt: PromptMode
  /** The instance's label, box, area and innermost point, which is the point prompt. */
  instance: Instance
  /** Null if the generator found no mask that overlaps. */
  mask: Mask | null
  dice: number
}

/** The worst cases of one model in one prompt mode, the worst first. */
export interface WorstCases {
  model: string
  prompt: PromptMode
  cases: WorstCase[]
}

/** Keeps the particles with the lowest Dice for each model and prompt mode; of equal ones the largest. */
export class WorstCollector {
  private readonly kept = new Map<string, WorstCases>()

  /** @param count the number of particles to keep, from 0 */
  constructor(private readonly count: number) {}

  add(model: string, { item, results }: EvaluatedImage): void {
    if (!this.count) return
    for (const { prompt, instances, masks, matches } of results) {
      const key = JSON.stringify([model, prompt])
      const entry = this.kept.get(key) ?? { model, prompt, cases: [] }
      this.kept.set(key, entry)
      const found = instances.map((instance, i): WorstCase => {
        const mask = matches.maskOf[i] < 0 ? null : masks[matches.maskOf[i]]
        const iou = matches.ious[i]
        return { item, prompt, instance, mask, dice: (2 * iou) / (1 + iou) }
      })
      entry.cases = [...entry.cases, ...found].sort(worseFirst).slice(0, this.count)
      // only the cases that are kept get a copy of their masks
      for (const one of entry.cases) if (one.item === item && one.mask) one.mask = trimMask(one.mask)
    }
  }

  /** What was kept, in the order of `models` from the last to the first: what is tested before its rivals. */
  worst(models: readonly string[]): WorstCases[] {
    const all = [...this.kept.values()].filter(({ cases }) => cases.length)
    return [...models].reverse().flatMap((name) => all.filter(({ model }) => model === name))
  }
}

const worseFirst = (a: WorstCase, b: WorstCase) => a.dice - b.dice || b.instance.area - a.instance.area

/** The cases as they are written to JSON: without masks and paths. */
export const describeWorst = (worst: readonly WorstCases[]) =>
  worst.map(({ model, prompt, cases }) => ({
    model,
    prompt,
    cases: cases.map(({ item, instance: { id, x0, y0, x1, y1, area }, mask, dice }) => ({
      image: item.id,
      label: id,
      dice,
      box: { x0, y0, x1, y1 } satisfies Box,
      area,
      maskArea: mask ? maskArea(mask) : 0,
    })),
  }))
