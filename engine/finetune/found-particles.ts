/** @file How well a prompt head finds the particles of labelled images, counted from its maps without asking the mask decoder. */
import { CELL, findLearnedPrompts } from '../generate/learned-prompts'
import { resizeLongest } from '../image/model-input'
import type { Sample } from '../image/sample'
import { boxes } from '../masks/instances'
import type { Predictor } from '../sam/predictor'
import { PromptMapReader } from '../sam/prompt-map-reader'
import type { PromptMaps } from '../sam/prompt-maps'
import { MIN_INSTANCE_AREA } from '../train/sample-prompts'

/** Particles that a prompt head found. */
export interface FoundParticles {
  /** Particles with a prompt, prompts that are for no other one, and particles. */
  hits: number
  prompts: number
  particles: number
}

/** Counts the particles that are found by the maps of an image: those in which a prompt lies. */
export function countFound(maps: PromptMaps, { width, height, labels: data }: Sample): FoundParticles {
  const valid = resizeLongest(width, height, maps.side * CELL)
  const large = new Set(
    boxes({ width, height, data }).flatMap(({ id, area }) => (area >= MIN_INSTANCE_AREA ? [id] : [])),
  )
  const found = new Set<number>()
  let prompts = 0
  for (const { point, weak } of findLearnedPrompts(maps, valid).prompts) {
    if (weak) continue
    const at = (place: number, side: number, shown: number) =>
      Math.max(0, Math.min(side - 1, Math.floor((place * side) / shown)))
    const id = data[at(point[1], height, valid.height) * width + at(point[0], width, valid.width)]
    if (id && !large.has(id)) continue
    prompts++
    if (id) found.add(id)
  }
  return { hits: found.size, prompts, particles: large.size }
}

/** F1 of images together; 0 without particles and prompts. */
export function foundF1(images: readonly FoundParticles[]): number {
  const sum = (key: keyof FoundParticles) => images.reduce((all, image) => all + image[key], 0)
  return sum('prompts') + sum('particles') ? (2 * sum('hits')) / (sum('prompts') + sum('particles')) : 0
}

/** Counts what the prompt head of a model finds, with the values that its parameters have at that time. */
export class ParticleCounter {
  private constructor(private readonly reader: PromptMapReader) {}

  /** Null if the predictor's model has no prompt head. */
  static async open({ model, encoded }: Predictor): Promise<ParticleCounter | null> {
    const { engine, promptHead } = model
    return promptHead && new ParticleCounter(await PromptMapReader.create(engine, promptHead, encoded))
  }

  /** Bytes of GPU memory that it holds, without the head's. */
  get bytes(): number {
    return this.reader.bytes
  }

  /** @param sample the image that the predictor encoded last, as a whole */
  async count(sample: Sample): Promise<FoundParticles> {
    return countFound(await this.reader.read(), sample)
  }

  destroy(): void {
    this.reader.destroy()
  }
}
