/** @file The end of a training by several ranks: strength and thresholds are those of one process. The ranks are within this process. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openEngine } from '../../../src/host/gpu'
import { follow } from '../../../src/training/follow'
import { runFolder } from '../../../src/training/run-folder'
import { train } from '../../../src/training/train'
import { engine } from '../../support/engine'
import { inMemoryRanks } from '../../support/in-memory-ranks'
import { temporary, toyConfig, toyData } from '../../support/toy-training'

const profileIn = (root: string) => join(root, 'best', 'wgsam.json')
const profileOf = (root: string) => JSON.parse(readFileSync(profileIn(root), 'utf8'))

test('two ranks choose the strength and tune thresholds as one process does', async () => {
  const folder = await temporary()
  const data = await toyData(join(folder, 'data'), 9)
  const config = toyConfig(data, {
    ...{ strength: 'auto', batch: 2, maxSteps: 1, shares: [0.4, 0.4, 0.2] },
    validation: { every: 1, synthetic: 1, images: 2, instances: 2, tune: 2 },
  })
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  const alone = await train({ engine, config, run: runFolder(one) })
  assert.ok(alone.finished)
  assert.ok(profileOf(one).strength)

  // as if the run had been stopped before its end
  cpSync(one, two, { recursive: true })
  const { strength: _, thresholds: __, calibration: ___, ...rest } = profileOf(two)
  writeFileSync(profileIn(two), JSON.stringify(rest))
  const ranks = inMemoryRanks(2)
  const other = await openEngine()
  const [summary] = await Promise.all([
    train({ engine, config, run: runFolder(two), ranks: ranks[0] }),
    // only rank 0 needs to reach the folder
    follow({ engine: other, run: runFolder('/nowhere'), ranks: ranks[1], stop: () => false }),
  ])
  other.destroy()
  assert.is(summary.tuning, alone.tuning)
  assert.equal(summary.advice, alone.advice)
  assert.equal(profileOf(two), profileOf(one))
  const adapter = (root: string) => readFileSync(join(root, 'best', 'adapter_model.safetensors')).toString('hex')
  assert.is(adapter(two), adapter(one))
})

test.run()
