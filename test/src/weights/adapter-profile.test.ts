import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { tunedOnSixImages } from '../../support/tuned-thresholds'
import { readAdapterProfile, type StoredThresholds, updateAdapterProfile } from '../../../src/weights/adapter-profile'

const temporaryFolder = () => mkdtemp(join(tmpdir(), 'wgsam-test-'))

const tuned: StoredThresholds = {
  predIouThresh: 0.7,
  stabilityScoreThresh: 0.8,
  ...tunedOnSixImages,
}

test('an update replaces the given parts and keeps the others', async () => {
  const folder = await temporaryFolder()
  assert.equal(await readAdapterProfile(folder), {})
  await updateAdapterProfile(folder, { size: 512 })
  await updateAdapterProfile(folder, {})
  assert.equal(await readAdapterProfile(folder), { size: 512 })
})

test('thresholds that were stored before masks were compared with the best of their image compare none', async () => {
  const folder = await temporaryFolder()
  const { relativeScoreThresh, ...older } = { ...tuned, relativeScoreThresh: 0.9 }
  await writeFile(join(folder, 'wgsam.json'), JSON.stringify({ version: 1, thresholds: older }))
  assert.equal((await readAdapterProfile(folder)).thresholds, { ...older, relativeScoreThresh: 0 })
})

for (const [what, text, message] of [
  ['cut short', '{"version": 1, "si', /wgsam\.json is not JSON/],
  [
    'of a later version',
    '{"version": 2}',
    /wgsam\.json: version is 2, not 1, the only one that this version of wgsam reads/,
  ],
  [
    'with thresholds above 1',
    `{"version": 1, "thresholds": ${JSON.stringify({ ...tuned, predIouThresh: 1.5 })}}`,
    /wgsam\.json: thresholds\.predIouThresh is 1\.5, not a number up to 1/,
  ],
  ['with half of its thresholds', '{"version": 1, "thresholds": {"predIouThresh": 0.5}}', /wgsam\.json: thresholds\.s/],
  [
    'with a calibration that falls',
    '{"version": 1, "calibration": {"knots": [[0.5, 0.4], [0.6, 0.3]], "images": 2, "masks": 40, "reliability": null}}',
    /wgsam\.json: calibration\.knots is a list, not knots that rise/,
  ],
  [
    'with a calibration without knots',
    '{"version": 1, "calibration": {"knots": [], "images": 2, "masks": 40, "reliability": null}}',
    /wgsam\.json: calibration\.knots is \[\], not a list of at least 1 entry/,
  ],
  ['with a size that is none', '{"version": 1, "size": -4}', /wgsam\.json: size is -4, not a number from 32/],
] as const)
  test(`a profile ${what} is refused by name`, async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'wgsam.json'), text)
    let refused = ''
    await readAdapterProfile(folder).catch((error: Error) => (refused = error.message))
    assert.match(refused, message)
  })

test.run()
