/**
 * @file Fine-tuning and automatic masks as a page calls them, on a toy model: trained at once, paused and resumed from bytes, aborted.
 * It runs in any host.
 */
import {
  attachAdapter,
  type AnyAdapter,
  generate,
  type GenerateOptions,
  type SamModel,
  train,
  Trainer,
  type TrainingSample,
  type TrainOptions,
} from '../../engine/index'
import { adapterFiles, openAdapter } from '../../src/web'
import { discScene } from './disc-scene'

export interface EmbedderReport {
  losses: number[]
  scores: number[]
  /** The message of the training that was aborted. */
  aborted: string
  /** True if a training that was paused, stored as bytes and resumed by another trainer has the same bits. */
  sameBits: boolean
  /** Masks that the fine-tuned model finds, without any threshold. */
  masks: number
}

const SETTINGS: TrainOptions = {
  batch: 2,
  maxSteps: 4,
  seed: 3,
  lora: { rank: 4, targets: ['q', 'v'] },
  optimizer: { learningRate: 1e-2 },
  schedule: { kind: 'constant', warmup: 0 },
  prompts: { count: 3 },
  validation: { every: 2 },
  // what is measured at the end is tested by test/engine/finetune/finish.test.ts
  strength: 'full',
  tuneImages: 0,
}

const PAUSE_AFTER = 2

/** Options with which the generator drops no mask: a toy model's are bad. */
const EVERYTHING: GenerateOptions = {
  ...{ prompts: 'grid', pointsPerSide: 4, pointsPerBatch: 8, diameter: 'none' },
  ...{ floorPredIou: 0, floorStability: 0, predIouThresh: 0, stabilityScoreThresh: 0, maxArea: 1, dropFrames: false },
}

/** Two images of the disc: with a label map, and with a mask and four bytes a pixel. */
export function discSamples(): TrainingSample[] {
  const { image, labels, instance } = discScene()
  const { width, height, rgb } = image
  const { x0, y0, x1, y1 } = instance
  const data = new Uint8Array(4 * width * height)
  for (let i = 0; i < width * height; i++) data.set([...rgb.subarray(3 * i, 3 * i + 3), 255], 4 * i)
  const part = { x0, y0, width: x1 - x0 + 1, height: y1 - y0 + 1 }
  const inside = Uint8Array.from({ length: part.width * part.height }, (_, i) => {
    return labels[(y0 + Math.floor(i / part.width)) * width + x0 + (i % part.width)]
  })
  return [
    { image, labels: { width, height, data: labels } },
    { image: { width, height, data }, masks: [{ ...part, data: inside }] },
  ]
}

export async function trainAsEmbedder(model: SamModel): Promise<EmbedderReport> {
  const samples = discSamples()
  const options = { ...SETTINGS, validationSamples: samples.slice(1) }
  const losses: number[] = []
  const scores: number[] = []
  const whole = await train(model, samples, {
    ...options,
    onStep: ({ loss }) => void losses.push(loss),
    onValidation: ({ score }) => void scores.push(score),
  })

  const controller = new AbortController()
  const first = await Trainer.create(model, samples, {
    ...options,
    signal: controller.signal,
    onStep: ({ step }) => {
      if (step === PAUSE_AFTER) first.pause()
      else if (step > PAUSE_AFTER) controller.abort(new Error('enough'))
    },
  })
  if (await first.run()) throw new Error('the training was not paused')
  const checkpoint = await first.checkpoint()
  const aborted = await first.run().then(() => 'it was not aborted', (error: Error) => error.message) // prettier-ignore
  first.destroy()
  const resumed = await train(model, samples, { ...options, resume: checkpoint })

  // out as files and in again, as a page that stores them
  const stored = await openAdapter(await adapterFiles(whole), { architecture: model.architecture })
  if (!equal(stored.adapter, whole.adapter)) throw new Error('the adapter has other numbers in its files')
  const attached = await attachAdapter(model, stored.adapter, stored.head)
  const found = await generate(model, samples[0].image, EVERYTHING)
  attached.release()
  return { losses, scores, aborted, sameBits: equal(whole.adapter, resumed.adapter), masks: found.masks.length }
}

/** True if two LoRA adapters have the same numbers. */
function equal(a: AnyAdapter, b: AnyAdapter): boolean {
  if (!('tensors' in a) || !('tensors' in b)) return false
  return [...a.tensors.targets].every(([name, { A, B }]) => {
    const other = b.tensors.targets.get(name)
    return !!other && A.every((x, i) => x === other.A[i]) && B.every((x, i) => x === other.B[i])
  })
}
