/** @file The generator's options: defaults, and what is refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { scoreThresholdsOf } from '../../../engine/generate/filter'
import {
  checkGeneratorOptions,
  defaultGeneratorOptions,
  referenceThresholds,
} from '../../../engine/generate/generator-options'

test('what is wrong is named', () => {
  assert.equal(checkGeneratorOptions(), defaultGeneratorOptions)
  assert.equal(checkGeneratorOptions({ minArea: undefined }), defaultGeneratorOptions)
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ pointPerSide: 3 }, /no generator option pointPerSide/],
    [{ pointsPerSide: 0 }, /pointsPerSide must be a whole number from 1/],
    [{ pointsPerSide: 2.5 }, /pointsPerSide .* not 2.5/],
    [{ pointsPerBatch: '64' }, /pointsPerBatch .* not 64/],
    [{ predIouThresh: NaN }, /predIouThresh must be a number from 0 to 1, not NaN/],
    [{ boxNmsThresh: 1.1 }, /boxNmsThresh/],
    [{ stabilityScoreOffset: -1 }, /stabilityScoreOffset/],
    [{ maskThreshold: Infinity }, /maskThreshold/],
    [{ cropNLayers: 9 }, /cropNLayers/],
    [{ outputMode: 'png' }, /outputMode must be one of binary_mask/],
    [{ prompts: 'boxes' }, /prompts must be one of auto, grid, learned, not boxes/],
    [{ prompts: 'learned', pointScales: [4] }, /prompts learned do not go together/],
    [{ dropFrames: 1 }, /dropFrames must be one of true, false/],
    [{ tileSize: 200, tileHalo: 100 }, /tileSize 200 must be at least twice tileHalo 100/],
    [{ tileSize: 2000, cropNLayers: 1 }, /do not go together/],
    [{ pointScales: [0] }, /pointScales .* not 0/],
    [{ pointScales: 4 }, /pointScales must be a list/],
    [{ pointGrids: [] }, /a list of points for each of the 1 layers/],
    [{ pointGrids: [[[0, 2]]] }, /layer 0 has \[0,2\]/],
    [{ pointGrids: [[[0, NaN]]] }, /layer 0 has/],
  ]
  for (const [given, what] of refused) assert.throws(() => checkGeneratorOptions(given), what)
})

test('thresholds suit particles by default; those of the reference are stricter with single masks', () => {
  const own = scoreThresholdsOf(defaultGeneratorOptions)
  assert.ok(own.predIouThresh < referenceThresholds.predIouThresh)
  assert.ok(own.stabilityScoreThresh < referenceThresholds.stabilityScoreThresh)
  assert.ok(own.relativeScoreThresh > 0 && !referenceThresholds.relativeScoreThresh)
  assert.equal(scoreThresholdsOf(checkGeneratorOptions({ ...referenceThresholds })), referenceThresholds)
  assert.equal(checkGeneratorOptions({ predIouThresh: 0.9 }), { ...defaultGeneratorOptions, predIouThresh: 0.9 })
})

test.run()
