/**
 * @file What every host runs: the engine as a host embeds it, on a GPUDevice of the host. Golden files are recomputed, an adapter is
 * trained for some steps, a prompt is segmented. Nothing here knows of Node.
 */
import { type Architecture, Engine, SamModel, Segmenter } from '../../engine/index'
import { computeGolden } from '../../src/verify/compute-golden'
import type { NamedTensor } from '../../src/verify/golden-file'
import { relativeError } from '../../src/verify/relative-error'
import { discScene } from './disc-scene'
import { type EmbedderReport, trainAsEmbedder } from './train-as-embedder'
import { trainOnDisc } from './train-on-disc'

/** A tensor as JSON carries it: its f32 values in base64. */
export interface PackedTensor {
  shape: number[]
  base64: string
}

/** A golden file with its model, as JSON. */
export interface HostFile {
  name: string
  architecture: Architecture
  size: number
  lora: { r: number; alpha: number }
  weights: Record<string, PackedTensor>
  golden: Record<string, PackedTensor>
}

export interface HostReport {
  name: string
  /** Relative error of every tensor of the golden file that was recomputed. */
  errors: Record<string, number>
  /** Of the training steps. */
  losses: number[]
  /** Pixels of the segmented mask. */
  area: number
  predictedIou: number
  /** Of the model whose fine-tuning is tried. */
  embedder?: EmbedderReport
}

const STEPS = 3
/** The smaller toy model. */
export const FINE_TUNED = 'toy_tiny_vit'

/** Runs all files on one device, whose owner keeps it. With the smaller model it does what trainAsEmbedder does, too. */
export async function runOnDevice(device: GPUDevice, files: readonly HostFile[]): Promise<HostReport[]> {
  const engine = new Engine(device, { sharedDevice: true })
  const reports: HostReport[] = []
  for (const file of files) {
    const model = await loadHostModel(engine, file)
    const golden = { model, lora: file.lora, tensors: unpackAll(file.golden), storage: 'f32' as const }
    const errors: Record<string, number> = {}
    for (const [name, { data }] of await computeGolden(engine, golden))
      errors[name] = relativeError(data, golden.tensors.get(name)!.data)
    const { losses, remove } = await trainOnDisc(engine, model, STEPS)
    remove()
    const segmenter = await Segmenter.create(model, { slots: 2 })
    const { image } = discScene()
    const [{ mask, predictedIou }] = await segmenter.segment(image, { points: [{ x: 25, y: 18 }] })
    const area = mask.data.reduce((sum, inside) => sum + inside, 0)
    segmenter.destroy()
    const embedder = file.name === FINE_TUNED ? await trainAsEmbedder(model) : undefined
    reports.push({ name: file.name, errors, losses, area, predictedIou, embedder })
    model.release()
  }
  engine.dispose()
  return reports
}

/** Tensors by name from their JSON. */
const unpackAll = (packed: Record<string, PackedTensor>): Map<string, NamedTensor> =>
  new Map(
    Object.entries(packed).map(([name, { shape, base64 }]) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      return [name, { shape, data: new Float32Array(bytes.buffer) }]
    }),
  )

/** The model of a golden file. */
export function loadHostModel(engine: Engine, file: HostFile): Promise<SamModel> {
  const weights = unpackAll(file.weights)
  const source = { has: (name: string) => weights.has(name), read: async (name: string) => weights.get(name)! }
  return SamModel.load(engine, source, file.architecture, { inputSize: file.size })
}
