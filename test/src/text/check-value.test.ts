import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { checkValue, shown } from '../../../src/text/check-value'

const schema = v.object({
  version: v.literal(1),
  sizes: v.array(v.pipe(v.number(), v.integer(), v.minValue(0))),
  point: v.optional(v.tuple([v.number(), v.number()])),
  state: v.optional(v.picklist(['open', 'done'])),
  name: v.optional(v.pipe(v.string(), v.regex(/^[a-z]+$/, 'small letters'))),
})
const said = (value: unknown) => {
  try {
    checkValue(schema, value)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

test('what is wrong is said in words, never in those of the validator', () => {
  const sound = { version: 1, sizes: [1] }
  assert.is(said(sound), 'accepted')
  const wrong: [unknown, string][] = [
    ['x', 'its content is "x", not an object'],
    [{ sizes: [] }, 'version is missing'],
    [{ ...sound, version: 2 }, 'version is 2, not 1'],
    [{ ...sound, sizes: [1, 1.5] }, 'sizes.1 is 1.5, not a whole number'],
    [{ ...sound, sizes: [-1] }, 'sizes.0 is -1, not a number from 0'],
    [{ ...sound, sizes: [null] }, 'sizes.0 is null, not a number'],
    [{ ...sound, sizes: {} }, 'sizes is an object, not a list'],
    [{ ...sound, point: [1] }, 'point.1 is missing'],
    [{ ...sound, state: 'gone' }, 'state is "gone", not "open" or "done"'],
    [{ ...sound, name: 'A' }, 'name is "A", not small letters'],
  ]
  for (const [value, message] of wrong) assert.is(said(value), message)
})

test('a value is shown short, however large or deep it is', () => {
  let deep: unknown = 1
  for (let i = 0; i < 1e5; i++) deep = [deep]
  assert.is(shown(deep), 'a list')
  assert.match(said({ version: deep, sizes: [] }), 'version is a list, not 1')
  assert.is(shown('x'.repeat(1e6)).length, 62)
  assert.is(shown([2, 3]), '[2,3]')
  assert.is(shown(undefined), 'missing')
})

test.run()
