/** @file Evaluation with a model whose masks are known: prompts, choice of masks and scores counted by hand. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Sample } from '../../../engine/image/sample'
import type { Predictor } from '../../../engine/sam/predictor'
import type { PromptBatch } from '../../../engine/sam/prompt-batch'
import { promptLabel } from '../../../engine/sam/prompt-labels'
import { type DatasetItem, loadItem, openDataset } from '../../../src/dataset/dataset'
import { evaluate, type EvaluatedImage, type EvaluateOptions } from '../../../src/evaluation/evaluate'
import { EVALUATION_SLOTS, predictorSegmenter } from '../../../src/evaluation/model-segmenter'
import { summariseTallies } from '../../../src/evaluation/scores'
import { chosenMasks } from '../../support/chosen-masks'
import { png16, png8, scratch } from '../../support/files'

const SIZE = 32
const SIDE = 8 // of low-resolution masks

/** Pictures of 64x32 whose labels are the given rectangles [id, x0, y0, x1, y1], ends included. */
async function dataset(pictures: number[][][]): Promise<DatasetItem[]> {
  const folder = scratch()
  for (const [i, rectangles] of pictures.entries()) {
    const labels = new Uint16Array(64 * 32)
    for (const [id, x0, y0, x1, y1] of rectangles)
      for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) labels[y * 64 + x] = id
    await png8(join(folder, 'images', `p${i}.png`), 64, 32, new Uint8Array(64 * 32).fill(90))
    await png16(join(folder, 'masks', `p${i}.png`), 64, 32, labels)
  }
  return (await openDataset(folder)).items
}

/** Token 0: everything; token 1: nothing; 2: the left half; 3: everything. `best` has the highest predicted IoU. */
function fake(best: 1 | 2 | 3, chunk = 2) {
  const asked: PromptBatch[] = []
  const plane = SIDE * SIDE
  const predictor = {
    model: { inputSize: SIZE, maskSide: SIDE, engine: { async idle() {} } },
    slots: EVALUATION_SLOTS,
    prompts: chunk,
    setImage() {},
    async predictMasks(batch: PromptBatch, choose: Parameters<Predictor['predictMasks']>[1]) {
      asked.push({ coords: batch.coords.slice(), labels: batch.labels.slice() })
      const count = batch.labels.length / EVALUATION_SLOTS
      const logits = new Float32Array(count * 4 * plane).fill(-1)
      const iou = new Float32Array(count * 4)
      for (let p = 0; p < count; p++) {
        iou[4 * p + best] = 0.9
        for (const token of [0, 2, 3])
          for (let i = 0; i < plane; i++)
            if (token !== 2 || i % SIDE < SIDE / 2) logits[(4 * p + token) * plane + i] = 1
      }
      return chosenMasks({ logits, iou }, choose)
    },
  }
  const typed = predictor as unknown as Predictor
  return { predictor: typed, segmenter: predictorSegmenter(typed), asked }
}

const scores = async (options: EvaluateOptions) => (await evaluate(options))!.map(summariseTallies)

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, not ${expected}`)

test('prompts: the innermost pixel with padding, the exact box; both in input pixels, in chunks', async () => {
  const items = await dataset([
    [
      [1, 0, 0, 4, 4],
      [2, 20, 8, 29, 17],
      [7, 40, 10, 59, 29],
    ],
  ])
  const { segmenter, asked } = fake(2)
  await evaluate({ segmenter, items, prompts: ['point', 'box'] })
  assert.is(asked.length, 4, 'three instances, two at a time, two kinds')
  assert.equal(
    [...asked[0].labels],
    [promptLabel.foreground, promptLabel.padding, promptLabel.foreground, promptLabel.padding],
  )
  assert.equal([...asked[0].coords.slice(0, 2)], [1, 1], 'half of (2, 2)')
  assert.equal(
    [...asked[2].labels],
    [promptLabel.boxStart, promptLabel.boxEnd, promptLabel.boxStart, promptLabel.boxEnd],
  )
  assert.equal([...asked[2].coords], [0, 0, 2, 2, 10, 4, 14.5, 8.5])
  assert.equal([...asked[3].coords], [20, 5, 29.5, 14.5])
})

test('scores of known masks', async () => {
  // 400 and 200 pixels of 2048; left half: all of the first, none of the second
  const items = await dataset([
    [
      [1, 0, 0, 19, 19],
      [2, 40, 0, 59, 9],
    ],
  ])
  const [point, box] = await scores({ segmenter: fake(2).segmenter, items, prompts: ['point', 'box'] })
  // the boundary between the halves lies between two columns: bilinear, it is exactly in the middle
  const half = 1024
  close(point.dice, (2 * 400) / (half + 600))
  close(point.miou, (400 / (half + 200) + (2048 - half - 200) / (2048 - 400)) / 2)
  close(point.accuracy, (400 + 2048 - half - 200) / 2048)
  close(point.instanceDice, ((2 * 400) / (half + 400) + 0) / 2)
  close(point.instanceIou, 400 / half / 2)
  close(box.dice, (2 * 600) / (2048 + 600))
  close(box.accuracy, 600 / 2048)
  close(box.instanceIou, (400 / 2048 + 200 / 2048) / 2)
  assert.is(point.instances, 2)
})

test('means over images, pooled pixels, means over instances', async () => {
  const items = await dataset([
    [[1, 0, 0, 31, 31]],
    [
      [1, 0, 0, 15, 15],
      [2, 16, 0, 31, 15],
      [3, 0, 16, 31, 31],
    ],
  ])
  const [point] = await scores({ segmenter: fake(3).segmenter, items, prompts: ['point'] })
  close(point.dice, 2 / 3)
  close(point.pooled.accuracy, 0.5)
  close(point.instanceIou, (0.5 + 256 / 2048 + 256 / 2048 + 512 / 2048) / 4)
  assert.equal(
    point.perImage.map(({ id, instances }) => [id, instances]),
    [
      ['p0', 1],
      ['p1', 3],
    ],
  )
})

test('the image that follows is read while masks are found, and the method is shown it; each is read once', async () => {
  const items = await dataset([[[1, 0, 0, 31, 31]], [[1, 0, 0, 9, 9]], [[1, 4, 4, 40, 20]]])
  const [read, seen] = [[] as string[], [] as unknown[]]
  const shown = new Map<string, Sample>()
  const results = await evaluate({
    items,
    prompts: ['auto'],
    load: (item) => (read.push(item.id), loadItem(item)),
    segmenter: {
      async encode() {},
      async automatic(sample, { id }, next) {
        if (shown.has(id)) assert.is(sample, shown.get(id), 'it is the same object')
        while (id !== 'p2' && !next!()) await new Promise((resolve) => setTimeout(resolve, 2))
        const coming = next!()
        if (coming) shown.set(coming.item.id, coming.sample)
        seen.push([id, [...read], coming?.item.id ?? null])
        return { masks: [], scores: [] }
      },
    },
  })
  assert.equal(seen, [
    ['p0', ['p0', 'p1'], 'p1'],
    ['p1', ['p0', 'p1', 'p2'], 'p2'],
    ['p2', ['p0', 'p1', 'p2'], null],
  ])
  assert.is(results![0].images.length, 3)
})

test('instances below the minimum area or above the maximum number are neither prompted nor counted', async () => {
  const items = await dataset([
    [
      [1, 0, 0, 31, 31],
      [2, 40, 0, 42, 2],
    ],
    [
      [5, 0, 0, 1, 1],
      [6, 32, 0, 63, 31],
    ],
  ])
  const seen: EvaluatedImage[] = []
  const [point] = await scores({
    segmenter: fake(3).segmenter,
    items,
    prompts: ['point'],
    onImage: (image) => void seen.push(image),
  })
  assert.equal(
    seen.map(({ results: [{ instances }] }) => instances.map(({ id }) => id)),
    [[1], [6]],
  )
  close(point.perImage[0].accuracy, 1024 / (2048 - 9))
  close(point.perImage[1].accuracy, 1024 / (2048 - 4))
  assert.is(
    seen[0].results[0].union.reduce((a, b) => a + b, 0),
    2048,
  )
})

test('the same instances are sampled whatever other images there are', async () => {
  const grid = Array.from({ length: 24 }, (_, i) => [
    i + 1,
    (i % 8) * 8,
    8 * Math.floor(i / 8),
    (i % 8) * 8 + 6,
    8 * Math.floor(i / 8) + 6,
  ])
  const items = await dataset([grid, grid])
  const drawn = async (of: DatasetItem[], seed: number) => {
    const ids = new Map<string, string>()
    const onImage = ({ item, results: [{ instances }] }: EvaluatedImage) =>
      void ids.set(item.id, instances.map(({ id }) => id).join())
    const [point] = await scores({
      segmenter: fake(3).segmenter,
      items: of,
      prompts: ['point'],
      maxInstances: 5,
      seed,
      onImage,
    })
    assert.is(point.instances, 5 * of.length)
    return ids
  }
  const both = await drawn(items, 1)
  assert.is((await drawn([items[1]], 1)).get('p1'), both.get('p1'))
  assert.is.not(both.get('p0'), both.get('p1'))
  assert.is.not((await drawn(items, 2)).get('p0'), both.get('p0'))
})

test('masks that are NaN are an error, not empty masks', async () => {
  const items = await dataset([[[1, 0, 0, 31, 31]]])
  const { predictor, segmenter } = fake(3)
  const { predictMasks } = predictor
  predictor.predictMasks = (batch, choose) => predictMasks(batch, (iou, prompt) => choose(iou.fill(NaN), prompt))
  const message = await evaluate({ segmenter, items, prompts: ['point'] }).then(
    () => '',
    (error: Error) => error.message,
  )
  assert.match(message, 'not finite')
})

test('it stops between images', async () => {
  const items = await dataset([[[1, 0, 0, 31, 31]], [[1, 0, 0, 31, 31]]])
  let done = 0
  const result = await evaluate({
    segmenter: fake(3).segmenter,
    items,
    prompts: ['point'],
    onProgress: (n) => (done = n),
    stop: () => done === 1,
  })
  assert.is(result, null)
  assert.is(done, 1)
})

test.run()
