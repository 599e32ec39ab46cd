/** @file Some training steps of a new LoRA adapter on one particle, through the engine's public surface. It runs in any host. */
import {
  attachLora,
  defaultLora,
  defaultOptimizer,
  type Engine,
  labelTargets,
  loraLayers,
  loraSpecs,
  maskSupervision,
  ParameterSet,
  Rng,
  type SamModel,
  samplePrompts,
  toModelInput,
  TrainingStep,
} from '../../engine/index'
import { discScene } from './disc-scene'

/** Trains; the adapter stays attached until `remove`, which frees it. `steps` is what the training step counted. */
export async function trainOnDisc(
  engine: Engine,
  model: SamModel,
  count: number,
): Promise<{ losses: number[]; steps: number; remove(): void }> {
  const { image, labels, instance } = discScene()
  const size = model.inputSize
  const config = { ...defaultLora, rank: 4, alpha: 4 }
  const layers = loraLayers(model, config)
  const parameters = new ParameterSet(engine, loraSpecs(layers, config.rank, new Rng(2)))
  const adapter = attachLora(layers, config, (name) => parameters.get(name))
  const map = { width: image.width, height: image.height, data: labels }
  const prompts = samplePrompts(map, [instance], new Rng(3), { count: 2, size })
  const { data, valid } = toModelInput(image.rgb, image.width, image.height, size)
  const step = await TrainingStep.create(model, parameters, {
    microBatch: 1,
    prompts: prompts.count,
    slots: prompts.slots,
    loss: { dice: 1, bce: 1, iou: 0.05 },
    optimizer: defaultOptimizer,
  })
  const batch = {
    images: data,
    sizes: Uint32Array.of(valid.height, valid.width),
    coords: prompts.coords,
    labels: prompts.labels,
    imageIndex: new Uint32Array(prompts.count),
    targets: labelTargets(map, prompts.ids, size, model.maskSide),
    supervision: new Uint32Array(prompts.count).fill(maskSupervision.best),
  }
  const losses: number[] = []
  for (let i = 0; i < count; i++) {
    step.run([batch], 1e-2)
    losses.push((await step.report()).loss)
  }
  const steps = step.step
  step.destroy()
  const remove = () => {
    adapter.detach()
    parameters.release()
  }
  return { losses, steps, remove }
}
