/** @file Tests of the groups in which gradients are exchanged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Dispatch } from '../../../engine/graph/dispatch'
import { completedAfter, gradientGroups, groupsHash, leastGroupBytes } from '../../../engine/train/gradient-groups'
import { ParameterSet } from '../../../engine/train/parameters'
import { engine } from '../../support/engine'

const spec = (name: string, size: number) => ({ name, shape: [size], init: new Float32Array(size) })
// two arenas: the first four parameters take 64, 128, 64 and 64 elements with their padding, the last one does not fit
const parameters = new ParameterSet(
  engine,
  ['a', 'b', 'c', 'd', 'e'].map((name, i) => spec(name, [10, 100, 64, 1, 64][i])),
  1280,
)

/** Dispatches that write, or only read, the gradients of these parameters. */
const writing = (...names: string[]) =>
  names.map((name): Dispatch => {
    const parameter = parameters.get(name.replace('?', ''))
    const bindings = [{ binding: 0, tensor: parameter.grad!.reshape(parameter.size, 1), writes: !name.endsWith('?') }]
    return { bindings } as unknown as Dispatch
  })
/** The whole second arena, as an operation on all gradients would write it. */
const arena = {
  bindings: [{ binding: 0, tensor: parameters.chunks[1].gradients, writes: true }],
} as unknown as Dispatch

test('a gradient is complete after the last dispatch that writes it', () => {
  const dispatches = [...writing('e', 'd', 'b', 'd', 'a', 'a?'), arena]
  assert.equal(completedAfter(parameters, dispatches), [5, 3, 0, 4, 7])
})

test('groups contain every element once, in the order of completion', () => {
  const after = [5, 3, 0, 4, 1]
  const groups = gradientGroups(parameters, after, 4 * 128)
  assert.equal(
    groups.map(({ after, members }) => [after, members]),
    [
      [1, [2, 4]],
      [3, [1]],
      [5, [0, 3]],
    ],
  )
  const ranges = groups.map(({ tensors }) => tensors.map((t) => [t.label, t.elementOffset, t.size]))
  assert.equal(ranges, [
    [
      ['gradients 0', 192, 64],
      ['gradients 1', 0, 64],
    ],
    [['gradients 0', 64, 128]],
    [
      ['gradients 0', 0, 64],
      ['gradients 0', 256, 64],
    ],
  ])
  const [whole] = gradientGroups(parameters, after, Infinity)
  assert.equal(
    whole.tensors.map((t) => t.size),
    [320, 64],
  )
  assert.is(whole.after, 5)
  // what is complete after the same dispatch is not divided
  assert.is(gradientGroups(parameters, [2, 2, 2, 2, 2], 4).length, 1)
})

test('the hash tells apart other members and other borders, and no order of dispatches', () => {
  const hash = (after: number[], least: number) => groupsHash(gradientGroups(parameters, after, least))
  assert.is(hash([5, 3, 0, 4, 1], 4), hash([50, 30, 0, 40, 10], 4))
  assert.is.not(hash([5, 3, 0, 4, 1], 4), hash([5, 3, 0, 1, 4], 4))
  assert.is.not(hash([5, 3, 0, 4, 1], 4), hash([5, 3, 0, 4, 1], 4 * 128))
})

test('more processes have larger groups, whose messages are worth their latency', () => {
  assert.is(leastGroupBytes(2), leastGroupBytes(64))
  assert.is(leastGroupBytes(512), 8 * leastGroupBytes(64))
})

test.run()
