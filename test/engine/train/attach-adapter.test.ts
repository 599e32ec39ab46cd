/** @file Adapters and prompt heads that are not for the model are refused before anything is uploaded, by the name of what does not fit. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Adapter } from '../../../engine/train/adapter'
import { attachAdapter } from '../../../engine/train/attach-adapter'
import { SettingError } from '../../../engine/setting-error'
import { engine } from '../../support/engine'
import { toyAdapter } from '../../support/toy-adapter'
import { openToy } from '../../support/toy'

const model = await openToy('toy_vit')
const { adapter, head } = toyAdapter(model.architecture)
const lora = adapter as Adapter

async function refused(given: Adapter, withHead: typeof head, text: RegExp): Promise<void> {
  const before = { ...engine.bytes }
  const error: unknown = await attachAdapter(model, given, withHead).then(
    (attached) => (attached.release(), null),
    (reason: unknown) => reason,
  )
  assert.instance(error, SettingError)
  assert.match((error as Error).message, text)
  assert.equal(engine.bytes, before)
  for (const { lora } of model.linears.values()) assert.is(lora, null, 'nothing is attached')
}

test('matrices of another shape than the layer', async () => {
  const [name, pair] = [...lora.tensors.targets][0]
  const wrong = { ...pair, inDim: pair.inDim / 2, A: pair.A.subarray(pair.A.length / 2) }
  const targets = new Map([...lora.tensors.targets, [name, wrong]])
  await refused(
    { ...lora, tensors: { targets } },
    [],
    new RegExp(`its matrices of ${name} make \\(\\d+, ${pair.inDim / 2}\\)`),
  )
})

test('an adapter of another model', async () => {
  const other = await openToy('toy_tiny_vit')
  const of = toyAdapter(other.architecture).adapter as Adapter
  other.release()
  await refused(of, [], /^the adapter adapts image_encoder\.layers/)
})

test('a prompt head for embeddings of another width, or without one of its tensors', async () => {
  assert.ok(head.length > 0)
  const [first, ...others] = head
  const half = {
    ...first,
    shape: [first.shape[0], first.shape[1] / 2, 3, 3],
    data: first.data.subarray(first.data.length / 2),
  }
  await refused(lora, [half, ...others], /the prompt head is not for this model: .* has the shape .* instead of/)
  await refused(lora, others, /the prompt head is not for this model: .* is missing/)
})

test('what fits is attached', async () => {
  const attached = await attachAdapter(model, lora, head)
  attached.release()
})

test.run()
