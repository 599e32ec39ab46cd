/** @file Tests src/measure/sources/reference-curve.ts: size distributions of other instruments. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readReferenceCurve, referencePercentile } from '../../../../src/measure/sources/reference-curve'
import { scratch } from '../../../support/files'

const folder = scratch()
function curveOf(text: string) {
  const path = join(folder, 'laser.csv')
  writeFileSync(path, text)
  return readReferenceCurve(path)
}

async function refusal(text: string): Promise<string> {
  const error = await curveOf(text).then(
    () => null,
    (error: Error) => error,
  )
  assert.is(error?.name, 'UserError', error?.stack ?? 'it was read')
  return error!.message
}

test('sizes are in metres, fractions from 0 to 1, and percentiles are interpolated in the logarithm', async () => {
  for (const text of ['size_um,percent_below\n5,10\n10,50\n20,90\n', '"Size (µm)";"below"\n20;90\n5;10\n"10,0";50\n']) {
    const curve = await curveOf(text)
    assert.is(curve.name, 'laser')
    curve.metres.forEach((metres, i) => assert.ok(Math.abs(metres / [5e-6, 1e-5, 2e-5][i] - 1) < 1e-9, `${metres}`))
    assert.equal(curve.below, [0.1, 0.5, 0.9])
    assert.ok(Math.abs(referencePercentile(curve, 0.3)! / (5e-6 * Math.SQRT2) - 1) < 1e-9)
    assert.is(referencePercentile(curve, 0.95), null)
  }
})

test('what is no curve is refused', async () => {
  assert.match(await refusal('size,percent_below\n5,10\n10,90\n'), 'names no unit of length')
  assert.match(await refusal('size_um,percent_below\n5,10\n10,40\n'), 'does not reach 50 %')
  assert.match(await refusal('size_um,percent_below\n5,60\n10,50\n'), 'falls with the size')
  assert.match(await refusal('size_um,percent_below\n-5,10\n'), 'row 2 has "-5" and "10"')
  // searching the whole name for a unit would not end
  assert.match(await refusal(`${'µ'.repeat(5e4)}1,percent_below\n5,10\n`), 'names no unit of length')
})

test.run()
