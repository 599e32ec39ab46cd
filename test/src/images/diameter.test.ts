/** @file Diameters as a user types them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from '../../../src/cli/command'
import { command as generate } from '../../../src/commands/generate'
import { readDiameter } from '../../../src/commands/options/diameter'
import { command as predict } from '../../../src/commands/predict'
import { diameterInPixels, parseDiameter } from '../../../src/images/diameter'
import { refusal } from '../../support/files'

test('pixels, lengths, auto and none', () => {
  assert.equal(parseDiameter('24'), { pixels: 24 })
  assert.equal(parseDiameter(' 24.5 px'), { pixels: 24.5 })
  assert.equal(parseDiameter('12um'), { metres: 12e-6 })
  assert.equal(parseDiameter('300 nm'), { metres: 3e-7 })
  assert.is(parseDiameter('auto'), 'auto')
  assert.is(parseDiameter('none'), 'none')
  for (const wrong of ['', 'big', '-3', '0.2', '0', '1e9', 'NaN', '0nm', '-4um', '12 parsecs', '3,5', '99999999px'])
    assert.throws(() => parseDiameter(wrong), /--diameter/, wrong)
})

test('a length needs the size of a pixel, and must be a plausible number of them', () => {
  const pixelSize = { metres: 5e-9, from: 'test' }
  const pixels = diameterInPixels(parseDiameter('300nm'), { name: 'a', pixelSize })
  assert.ok(Math.abs((pixels as number) - 60) < 1e-9)
  assert.is(diameterInPixels({ pixels: 7 }, { name: 'a', pixelSize: null }), 7)
  assert.is(diameterInPixels('auto', { name: 'a', pixelSize: null }), 'auto')
  assert.throws(() => diameterInPixels({ metres: 1e-6 }, { name: 'a', pixelSize: null }), /a: .*--pixel-size/)
  assert.throws(() => diameterInPixels({ metres: 1e-12 }, { name: 'a', pixelSize }), /0.0002 pixels/)
  assert.throws(() => diameterInPixels({ metres: 1 }, { name: 'a', pixelSize }), /from 1 to/)
})

test('options that cut the image exclude a diameter, and switch its estimate off', () => {
  assert.is(readDiameter({}), 'auto')
  assert.is(readDiameter({}, { tileSize: 512 }), 'none')
  assert.is(readDiameter({}, { cropNLayers: 1 }), 'none')
  assert.is(readDiameter({ diameter: 'none' }, { tileSize: 512 }), 'none')
  assert.throws(() => readDiameter({ diameter: '30px' }, { tileSize: 512 }), /--diameter and --tile-size/)
  assert.throws(() => readDiameter({ diameter: 'auto' }, { cropNLayers: 2 }), /--diameter and --crop-n-layers/)
})

test('the commands refuse what makes no sense before they load a model', async () => {
  const refused = async (which: typeof generate, argv: string[]) => {
    const { values, positionals } = parse(which, argv)
    return refusal((async () => which.run(values, positionals))())
  }
  assert.match(await refused(generate, ['x.png', '--out', 'o', '--diameter', 'wide']), /--diameter takes pixels/)
  assert.match(
    await refused(generate, ['x.png', '--out', 'o', '--reference', '--diameter', '9']),
    /not for --reference/,
  )
  assert.match(
    await refused(generate, ['x.png', '--out', 'o', '--diameter', '9', '--tile-size', '512']),
    /do not go together/,
  )
  assert.match(
    await refused(predict, ['golden/none.png', '--point', '3,3', '--diameter', '-1']),
    /none\.png|--diameter/,
  )
})

test.run()
