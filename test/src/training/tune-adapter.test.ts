import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeTuned } from '../../../src/training/tune-adapter'
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

test.run()
