/** @file `--adapter` may name the folder of a training run: its best adapter is meant, and a line says so. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { withAdapterFolders } from '../../../../src/commands/options/model'
import { put, scratch } from '../../../support/files'

const run = join(scratch(), 'first')
mkdirSync(join(run, 'last'), { recursive: true })
put(join(run, 'config.json'), '{}')
for (const file of ['adapter_config.json', 'adapter_model.safetensors']) put(join(run, 'best', file), '{}')
const { error } = console
test.after.each(() => void (console.error = error))

test('of the folder of a run the best adapter is taken, alone and in a list, and a line says so', () => {
  const lines: string[] = []
  console.error = (line: string) => lines.push(line)
  const best = join(run, 'best')
  assert.is(withAdapterFolders({ adapter: run }).adapter, best)
  assert.equal(lines.splice(0), [`adapter of the run ${run}: ${best}`])
  assert.equal(withAdapterFolders({ adapter: [best, run] }).adapter, [best, best])
  assert.is(lines.splice(0).length, 1, 'an adapter itself needs no line')
  assert.equal(withAdapterFolders({ data: 'x' }), { data: 'x' })
})

test('a folder that is not there is named', () => {
  const nowhere = join(run, '..', 'nowhere')
  assert.throws(() => withAdapterFolders({ adapter: nowhere }), `${nowhere}: there is no such adapter`)
})

test.run()
