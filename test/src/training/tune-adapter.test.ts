import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDataset } from '../../../src/dataset/dataset'
import { thresholdGain, thresholdsOverWatershed } from '../../../src/evaluation/tuned-thresholds'
import { writePng } from '../../../src/images/png-writer'
import { storeTuned } from '../../../src/training/tune-adapter'
import { withWatershed } from '../../../src/training/watershed-rival'
import { readAdapterProfile } from '../../../src/weights/adapter-profile'
import { tunedOnSixImages } from '../../support/tuned-thresholds'

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-tune-'))
test.after(() => rm(scratch, { recursive: true }))

test('thresholds that find particles are stored with every adapter, others with none', async () => {
  const [best, last] = ['best', 'last'].map((name) => join(scratch, name))
  const thresholds = { predIouThresh: 0.6, stabilityScoreThresh: 0.7, ...tunedOnSixImages }
  const useless = { ...thresholds, f1: { before: 0, after: 0 } }
  const log: string[] = []
  const say = (line: string) => void log.push(line)
  assert.is(await storeTuned({ thresholds: useless }, [best, last], say), 'nothing')
  assert.equal(await readAdapterProfile(best), {})
  assert.match(log.join(), /no mask matches one of the 90 labelled particles of 6 validation images/)
  log.length = 0
  assert.is(await storeTuned({ thresholds }, [best, last], say), 'done')
  for (const folder of [best, last]) assert.equal((await readAdapterProfile(folder)).thresholds, thresholds)
  assert.match(
    log.join(),
    /^thresholds tuned on 6 validation images: predicted IoU above 0\.6, stability from 0\.7 \(F1 50\.0 %/,
  )
})

test('where the watershed finds more than the adapter the run says so', async () => {
  const disc = (cx: number, cy: number, x: number, y: number) => Math.hypot(x - cx, y - cy) < 9
  const [width, height] = [64, 48]
  const labels = Uint16Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return disc(16, 24, x, y) ? 1 : disc(44, 24, x, y) ? 2 : 0
  })
  await writePng(join(scratch, 'data', 'images', 'a.png'), {
    width,
    height,
    channels: 1,
    data: labels.map((id) => (id ? 220 : 30)),
  })
  await writePng(join(scratch, 'data', 'masks', 'a.png'), { width, height, channels: 1, data: labels })
  const { items } = await openDataset(join(scratch, 'data'))
  const f1 = { before: 0.2, after: 0.4 }
  const learned = {
    predIouThresh: 0.6,
    stabilityScoreThresh: 0.7,
    ...tunedOnSixImages,
    f1,
    prompts: 'learned' as const,
  }
  const log: string[] = []
  const say = (line: string) => void log.push(line)
  const { thresholds } = await withWatershed({ thresholds: learned, size: 80 }, items, say)
  assert.equal(thresholds!.f1, { ...f1, watershed: 1 }, 'two bright discs are what a watershed is made for')
  assert.match(
    log.join(),
    'warning: on the images of the tuning the watershed finds more particles than the adapter (F1 100.0 % against 40.0 %)',
  )
  assert.match(
    thresholdGain(thresholds!),
    'F1 20.0 % with the default ones, 40.0 % with these; the watershed, which needs no model, has 100.0 %',
  )
  assert.is(thresholdsOverWatershed({ ...learned, f1: { ...f1, watershed: 0.3 } }, 'train for longer'), null)
  const grid = { ...learned, prompts: 'grid' as const }
  assert.equal(await withWatershed({ thresholds: grid }, items, say), { thresholds: grid })
})

test.run()
