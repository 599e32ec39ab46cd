/** @file Computes the outputs of a golden file without adapters: embeddings, masks and predicted IoU. */
import { MASK_TOKENS } from '../../engine/sam/mask-decoder'
import { Predictor } from '../../engine/sam/predictor'
import { type GoldenFile, type Prompts, type Put, imageOf, input, promptsOf } from './golden-file'

export async function computeModelOutputs(golden: GoldenFile, kinds: string[], put: Put): Promise<void> {
  const { model } = golden
  const { inputSize: size, side, maskSide } = model
  const sizes = Uint32Array.of(size, size)
  const images = input(golden, 'images').shape[0]
  const dim = model.architecture.decoder.dim
  const cells = side * side
  const embedding = new Float32Array(images * cells * dim)
  const predictors = new Map<string, { predictor: Predictor; prompts: Prompts }>()
  for (const kind of kinds) {
    const prompts = promptsOf(golden, kind)
    const { slots, count } = prompts
    predictors.set(kind, {
      prompts,
      predictor: await Predictor.create(model, { prompts: Math.min(count, 16), slots, masks: !!prompts.masks }),
    })
  }
  const first = predictors.values().next().value?.predictor ?? (await Predictor.create(model, { prompts: 1 }))
  for (let i = images - 1; i >= 0; i--) {
    first.setImages(imageOf(golden, i), sizes)
    const nhwc = await first.embedding()
    for (let p = 0; p < cells; p++)
      for (let c = 0; c < dim; c++) embedding[(i * dim + c) * cells + p] = nhwc[p * dim + c]
  }
  put('embedding', [images, dim, side, side], embedding)
  for (const [kind, { predictor, prompts }] of predictors) {
    // the loop above ended with image 0, so the first predictor already holds it
    if (predictor !== first) predictor.setImages(imageOf(golden, 0), sizes)
    const { logits, iou } = await predictor.predict(prompts)
    put(`${kind}.masks`, [prompts.count, MASK_TOKENS, maskSide, maskSide], logits)
    put(`${kind}.iou`, [prompts.count, MASK_TOKENS], iou)
    predictor.destroy()
  }
  if (!predictors.size) first.destroy()
}
