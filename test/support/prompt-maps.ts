/** @file The maps of a perfect prompt head. */
import type { LabelMap } from '../../engine/image/label-map'
import { promptHeadTargets } from '../../engine/image/prompt-head-targets'
import type { PromptMaps } from '../../engine/sam/prompt-maps'

/** What a prompt head is trained to give for an image with these labels; 0 beyond the image. */
export function perfectMaps(labels: LabelMap, inputSize: number): PromptMaps {
  const targets = promptHeadTargets(labels, inputSize)
  const map = (column: number) =>
    Float32Array.from({ length: targets.length / 3 }, (_, i) => Math.max(0, targets[3 * i + column]))
  return { side: inputSize / 4, foreground: map(0), centre: map(1), distance: map(2) }
}
