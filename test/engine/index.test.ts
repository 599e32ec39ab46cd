/** @file The engine as a host embeds it, through its public surface alone: what it exports, predicting, and training. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as wgsam from '../../engine/index'
import {
  Engine,
  Predictor,
  promptLabel,
  SamModel,
  scalePoint,
  type VitArchitecture,
  type WeightSource,
} from '../../engine/index'
import { openCheckpoint } from '../../src/weights/checkpoint'
import { discScene } from '../hosts/disc-scene'
import { trainOnDisc } from '../hosts/train-on-disc'
import { engine as opened } from '../support/engine'

const SIZE = 48

/** A ViT of three small blocks. */
const architecture: VitArchitecture = {
  kind: 'vit',
  imageSize: 96,
  patch: 16,
  dim: 32,
  depth: 3,
  heads: 2,
  mlpDim: 128,
  window: 4,
  globalBlocks: [1],
  outChannels: 32,
  decoder: { dim: 32, depth: 2, heads: 8, mlpDim: 48 },
}

/** The weights as any host would bring them: by name, from wherever it has them. */
async function toyWeights(): Promise<WeightSource> {
  const { tensors } = await openCheckpoint('golden/files/toy_vit.pth')
  return {
    has: (name) => tensors.has(name),
    read: async (name) => ({ shape: tensors.get(name)!.shape, data: await tensors.get(name)!.read() }),
  }
}

const engine = new Engine(opened.device)
const model = await SamModel.load(engine, await toyWeights(), architecture, { inputSize: SIZE })
const { image } = discScene()

/** The mask logits of a point on the disc, and the predicted IoU, by the model as it is now. */
async function predict() {
  const predictor = await Predictor.create(model, { slots: 2 })
  predictor.setImage(image)
  const prediction = await predictor.predict({
    coords: Float32Array.of(...scalePoint([25, 18], image, SIZE), 0, 0),
    labels: Int32Array.of(promptLabel.foreground, promptLabel.padding),
  })
  predictor.destroy()
  return prediction
}

test('the names that a host can import', () => {
  assert.equal(Object.keys(wgsam).sort(), [
    'DEFAULT_PRECISION',
    'DeviceLostError',
    'DivergedError',
    'Engine',
    'GpuError',
    'GpuOutOfMemoryError',
    'Graph',
    'LORA_TARGETS',
    'MATRIX_FEATURES',
    'MaskGenerator',
    'NonFiniteError',
    'NothingFitsError',
    'PRECISIONS',
    'ParameterSet',
    'Predictor',
    'Program',
    'PromptHead',
    'Rng',
    'SamModel',
    'Segmenter',
    'SettingError',
    'SupersededError',
    'Tensor',
    'Trainer',
    'TrainingStep',
    'attachAdapter',
    'attachDifferences',
    'attachFull',
    'attachLora',
    'candidatesAtScale',
    'checkGeneratorOptions',
    'decodeMask',
    'decodeRle',
    'defaultBand',
    'defaultGeneratorOptions',
    'defaultLora',
    'defaultOptimizer',
    'defaultRecipe',
    'dropIslands',
    'encodeMask',
    'encodeRle',
    'fillHoles',
    'filterCandidates',
    'findMatrixUnits',
    'fullSpecs',
    'generate',
    'labelMap',
    'labelTargets',
    'loraLayers',
    'loraSpecs',
    'maskSupervision',
    'mergeLora',
    'planTraining',
    'promptHeadSpecs',
    'promptHeadTargets',
    'promptLabel',
    'promptSlots',
    'readPixels',
    'referenceThresholds',
    'resizeLongest',
    'rethreshold',
    'samplePrompts',
    'scaleBox',
    'scalePoint',
    'toModelInput',
    'train',
    'upscaleLogits',
  ])
})

test('the example of the README: a device, weights, an image, a prompt', async () => {
  const predictor = await Predictor.create(model)
  predictor.setImage(image)
  const coords = Float32Array.of(...scalePoint([25, 18], image, SIZE), 0, 0, 0, 0)
  const { foreground, padding, absent } = promptLabel
  const { logits, iou } = await predictor.predict({ coords, labels: Int32Array.of(foreground, padding, absent) })
  assert.is(logits.length, 4 * model.maskSide ** 2)
  assert.is(iou.length, 4)
  assert.ok(logits.every(Number.isFinite) && iou.every(Number.isFinite))
  predictor.destroy()
})

test('training steps on an adapter, which then changes the masks, and can be taken off', async () => {
  const base = await predict()
  const { losses, steps, remove } = await trainOnDisc(engine, model, 5)
  assert.ok(losses[4] < losses[0], losses.join(', '))
  assert.is(steps, 5)

  assert.not.equal(await predict(), base)
  remove()
  assert.equal(await predict(), base, 'detached, the model is the base again')
  model.release()
})

test.run()
