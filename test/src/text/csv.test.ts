import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import { csvLine, exactCsvLine, parseCsv } from '../../../src/text/csv'

const formulas = [
  '=HYPERLINK("http://x")',
  '=cmd|calc!A1',
  '+1',
  '-1',
  '@SUM(A1)',
  '\t=1',
  ' =1',
  '\r=1',
  "'=1",
  "''=1",
]

test('no cell of any line is run as a formula, and every text is read back', () => {
  for (const line of [csvLine, exactCsvLine])
    for (const text of formulas) {
      const written = line(['name', text])
      assert.not.match(written, /(^|,)"?[\s]*[=+\-@]/, written)
      assert.equal(parseCsv('name,text\n' + written), [{ name: 'name', text }])
    }
  assert.is(csvLine([-1.5, 2e-9]), '-1.5,2e-9\n')
  assert.is(exactCsvLine([-1 / 3, '-1']), `-0.3333333333333333,'-1\n`)
})

test('texts of any signs are read back', () => {
  const rng = new Rng(3)
  const signs = [...'=+-@\'",;\t\r\n abµ粒']
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: 1 + rng.int(6) }, () => signs[rng.int(signs.length)]).join('')
    assert.equal(parseCsv('name,text\n' + exactCsvLine(['x', text])), [{ name: 'x', text }], JSON.stringify(text))
  }
})

test.run()
