import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expectedTensors } from '../../../src/weights/architecture'
import { type Adapter, type LoraPair } from '../../../engine/train/adapter'
import { validateAdapter } from '../../../src/weights/adapter'
import { fuseQkv } from '../../../src/weights/fused-qkv'
import { readAdapter, writeAdapter } from '../../../src/weights/peft'
import { readSafetensors } from '../../../src/weights/safetensors'
import { writeSafetensors } from '../../../src/weights/safetensors-writer'
import { writeStateDict } from '../../support/make-pth'
import { refuses, scratch } from '../../support/weights'

const at = scratch()
let next = 1
/** Numbers that are all different and exact in f32. */
const numbers = (n: number) => Float32Array.from({ length: n }, () => next++ / 8)

function pair(r: number, inDim: number, outDim: number): LoraPair {
  return { A: numbers(r * inDim), B: numbers(outDim * r), r, inDim, outDim }
}

function adapter(targets: Record<string, LoraPair>, use_rslora = false): Adapter {
  const [{ r }] = Object.values(targets)
  const config = { r, lora_alpha: 6, use_rslora, base_model_name_or_path: 'sam_vit_b' }
  return { config, tensors: { targets: new Map(Object.entries(targets)) } }
}

const block = 'image_encoder.blocks.3'
const qv = () => adapter({ [`${block}.attn.q`]: pair(2, 4, 4), [`${block}.attn.v`]: pair(2, 4, 4) })

const scale = ({ config: { r, lora_alpha, use_rslora } }: Adapter) => lora_alpha / (use_rslora ? Math.sqrt(r) : r)

/** s·B·A, (out, in). */
function delta(a: Adapter, target: string): number[] {
  const { A, B, r, inDim, outDim } = a.tensors.targets.get(target)!
  return Array.from({ length: outDim * inDim }, (_, i) => {
    let sum = 0
    for (let k = 0; k < r; k++) sum += B[Math.floor(i / inDim) * r + k] * A[k * inDim + (i % inDim)]
    return scale(a) * sum
  })
}

const near = (x: number[], y: number[], name: string) => {
  assert.is(x.length, y.length, name)
  x.forEach((v, i) => assert.ok(Math.abs(v - y[i]) <= 1e-9 * Math.abs(y[i]), `${name}[${i}]: ${v} ${y[i]}`))
}

const mixed = (rslora = false) =>
  adapter(
    {
      [`${block}.attn.q`]: pair(2, 4, 4),
      [`${block}.attn.v`]: pair(2, 4, 4),
      [`${block}.attn.proj`]: pair(2, 4, 4),
      [`${block}.mlp.lin1`]: pair(2, 4, 16),
      'mask_decoder.transformer.layers.0.self_attn.q_proj': pair(2, 8, 8),
    },
    rslora,
  )

/** Writes an adapter as wgsam did before: the parts of qkv as separate modules. */
async function writeSplit(folder: string, { config, tensors }: Adapter, prefix = 'base_model.model.'): Promise<void> {
  const entries = [...tensors.targets].flatMap(([target, { A, B, r, inDim, outDim }]) => {
    const path = prefix + target.replace(/\.attn\.([qkv])$/, '.attn.qkv.$1')
    return [
      { name: `${path}.lora_A.weight`, shape: [r, inDim], data: A },
      { name: `${path}.lora_B.weight`, shape: [outDim, r], data: B },
    ]
  })
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), entries, { format: 'pt' })
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', ...config }))
}

/** A ViT whose sizes fit the adapters of these tests. */
const decoder = { dim: 32, depth: 2, heads: 8, mlpDim: 64 }
const vit = {
  kind: 'vit',
  imageSize: 64,
  patch: 16,
  dim: 4,
  depth: 4,
  heads: 2,
  mlpDim: 16,
  window: 2,
  globalBlocks: [1],
  outChannels: 32,
  decoder,
} as const
const architecture = { ...vit, globalBlocks: [1] }

test('an adapter is read exactly as it was written, under the documented names', async () => {
  for (const rslora of [false, true]) {
    const written = mixed(rslora)
    await writeAdapter(at('plain'), written)
    assert.equal(await readAdapter(at('plain')).then(sorted), sorted(written))
    const tensors = await readSafetensors(at('plain/adapter_model.safetensors'))
    assert.equal(tensors.get(`base_model.model.${block}.attn.qkv.lora_A.weight`)!.shape, [4, 4])
    assert.equal(tensors.get(`base_model.model.${block}.attn.qkv.lora_B.weight`)!.shape, [12, 4])
    assert.equal(tensors.get(`base_model.model.${block}.mlp.lin1.lora_B.weight`)!.shape, [16, 2])
    const config = JSON.parse(readFileSync(at('plain/adapter_config.json'), 'utf8'))
    // PEFT before 0.8 refuses use_rslora, which is false by default
    assert.equal([config.peft_type, config.r, config.lora_alpha, config.use_rslora ?? false], ['LORA', 2, 6, rslora])
    assert.equal(config.rank_pattern, { qkv: 4 })
    assert.ok(Math.abs(config.alpha_pattern.qkv - 6 * (rslora ? Math.SQRT2 : 2)) < 1e-12)
    assert.equal(config.target_modules, [
      `${block}.attn.proj`,
      `${block}.mlp.lin1`,
      'mask_decoder.transformer.layers.0.self_attn.q_proj',
      `${block}.attn.qkv`,
    ])
  }
})

/** The adapter with its targets in alphabetical order. */
const sorted = (a: Adapter): Adapter => ({
  ...a,
  tensors: { targets: new Map([...a.tensors.targets].sort(([x], [y]) => (x < y ? -1 : 1))) },
})

test('an adapter of q and v alone has one rank, without patterns', async () => {
  for (const rslora of [false, true]) {
    const written = adapter(Object.fromEntries(qv().tensors.targets), rslora)
    await writeAdapter(at('qv'), written)
    const config = JSON.parse(readFileSync(at('qv/adapter_config.json'), 'utf8'))
    assert.equal([config.r, config.rank_pattern], [4, undefined])
    assert.ok(Math.abs(config.lora_alpha - 6 * (rslora ? Math.SQRT2 : 2)) < 1e-12)
    assert.equal(await readAdapter(at('qv')), written)
  }
})

test('the form of earlier versions, with the parts of qkv as modules, is still read', async () => {
  const written = mixed()
  await writeSplit(at('split'), written)
  assert.equal(await readAdapter(at('split')), written)
})

test('fused it is the same change of the weights', async () => {
  for (const rslora of [false, true]) {
    const written = mixed(rslora)
    const { targets, parts } = fuseQkv(written)
    assert.equal(parts, ['q', 'v'])
    const fused = { ...written, tensors: { targets } }
    const whole = delta(fused, `${block}.attn.qkv`)
    near(whole.slice(0, 16), delta(written, `${block}.attn.q`), 'q')
    near(whole.slice(16, 32), new Array(16).fill(0), 'k')
    near(whole.slice(32), delta(written, `${block}.attn.v`), 'v')
    near(delta(fused, `${block}.attn.proj`), delta(written, `${block}.attn.proj`), 'proj')
  }
})

test("ranks and alphas that PEFT's patterns set for some layers are an equivalent adapter of one rank", async () => {
  const [small, large] = [pair(1, 4, 16), pair(3, 4, 4)]
  const written = adapter({ [`${block}.mlp.lin1`]: small, [`${block}.attn.proj`]: large })
  await writeSplit(at('patterns'), written)
  const path = at('patterns/adapter_config.json')
  const config = {
    peft_type: 'LORA',
    r: 1,
    lora_alpha: 2,
    rank_pattern: { proj: 3 },
    alpha_pattern: { 'attn.proj': 12 },
  }
  writeFileSync(path, JSON.stringify(config))
  const read = await readAdapter(at('patterns'))
  const scaled = (p: LoraPair, alpha: number) => ({ config: { ...written.config, r: p.r, lora_alpha: alpha } })
  for (const [target, p, alpha] of [
    [`${block}.mlp.lin1`, small, 2],
    [`${block}.attn.proj`, large, 12],
  ] as const)
    near(delta(read, target), delta({ ...scaled(p, alpha), tensors: written.tensors }, target), target)
  writeFileSync(path, JSON.stringify({ ...config, alpha_pattern: { '(a+)+$': 3 } }))
  await refuses(readAdapter(at('patterns')), path, 'alpha_pattern')
})

test('adapters of a SAM inside another module, or under the names of transformers, are the same adapters', async () => {
  const written = mixed()
  for (const prefix of ['base_model.model.model.', 'base_model.model.sam.', 'base_model.model._orig_mod.module.', '']) {
    await writeSplit(at('nested'), written, prefix)
    assert.equal(await readAdapter(at('nested')), written, prefix)
  }
  const iou = 'mask_decoder.iou_prediction_head'
  const theirs = adapter({
    'vision_encoder.layers.3.attn.proj': pair(2, 4, 4),
    'vision_encoder.layers.3.mlp.lin1': pair(2, 4, 16),
    [`${iou}.proj_in`]: pair(2, 8, 8),
    [`${iou}.layers.0`]: pair(2, 8, 8),
  })
  await writeSplit(at('transformers'), theirs)
  const { targets } = (await readAdapter(at('transformers'))).tensors
  assert.equal([...targets.keys()], [`${block}.attn.proj`, `${block}.mlp.lin1`, `${iou}.layers.0`, `${iou}.layers.1`])
  assert.equal(targets.get(`${iou}.layers.1`), theirs.tensors.targets.get(`${iou}.layers.0`))
  const twice = new Map([
    ...written.tensors.targets,
    ...[...written.tensors.targets].map(([k, v]) => [`a.${k}`, v] as const),
  ])
  await writeSplit(at('twice'), { ...written, tensors: { targets: twice } })
  await refuses(readAdapter(at('twice')), at('twice'), `adapts ${block}.attn.q twice`)
})

test('a byte order mark is no obstacle, and the file of torch.save is read', async () => {
  const written = qv()
  await writeAdapter(at('bom'), written)
  const path = at('bom/adapter_config.json')
  writeFileSync(path, `\ufeff${readFileSync(path, 'utf8')}`)
  assert.equal(await readAdapter(at('bom')), written)
  await rename(at('bom/adapter_model.safetensors'), at('bom/adapter_model.bin'))
  await refuses(readAdapter(at('bom')), at('bom/adapter_model.bin'), "PEFT's old format", 'safe_serialization=True')
  const tensors = await readSafetensors(at('plain/adapter_model.safetensors'))
  writeStateDict(at('plain/adapter_model.bin'), Object.fromEntries(tensors))
  const whole = await readAdapter(at('plain'))
  rmSync(at('plain/adapter_model.safetensors'))
  near(delta(await readAdapter(at('plain')), `${block}.attn.q`), delta(whole, `${block}.attn.q`), 'of a pickle')
  rmSync(at('bom/adapter_model.bin'))
  await refuses(readAdapter(at('bom')), at('bom'), 'no adapter_model.safetensors', 'not complete')
})

test("TinyViT's fused rows are interleaved head by head", async () => {
  const [rows, r] = [64, 1]
  const tiny = 'image_encoder.layers.1.blocks.0.attn'
  const written = adapter({ [`${tiny}.q`]: pair(r, 2, rows), [`${tiny}.v`]: pair(r, 2, rows) })
  const { B } = fuseQkv(written).targets.get(`${tiny}.qkv`)!
  const q = written.tensors.targets.get(`${tiny}.q`)!.B
  const v = written.tensors.targets.get(`${tiny}.v`)!.B
  // rows: head 0 q, k, v, then head 1; two columns, q's and v's
  assert.equal([B[0], B[1]], [q[0], 0])
  assert.equal([B[2 * 64], B[2 * 64 + 1]], [0, v[0]])
  assert.equal([B[2 * 96], B[2 * 96 + 1]], [q[32], 0])
  assert.equal([B[2 * 191], B[2 * 191 + 1]], [0, v[63]])
  await writeAdapter(at('tiny'), written)
  assert.equal(await readAdapter(at('tiny')), written)
})

test("a fused adapter of PEFT's own is the same adapter by parts", async () => {
  const theirs = adapter({ [`${block}.attn.qkv`]: pair(2, 4, 12) })
  await writeSplit(at('theirs'), theirs)
  const read = await readAdapter(at('theirs'))
  const whole = delta(theirs, `${block}.attn.qkv`)
  'qkv'
    .split('')
    .forEach((part, i) => near(delta(read, `${block}.attn.${part}`), whole.slice(16 * i, 16 * (i + 1)), part))
})

test('files of SAMed and Sam_LoRA are q and v, block by block, at scale 1', async () => {
  const matrices = Object.fromEntries(
    ['a_000', 'b_000', 'a_001', 'b_001', 'a_002', 'b_002', 'a_003', 'b_003'].map((n) => [
      `w_${n}`,
      { shape: n.startsWith('a') ? [2, 4] : [4, 2], data: numbers(8) },
    ]),
  )
  writeStateDict(at('samed.pth'), matrices)
  await writeSafetensors(
    at('sam_lora.safetensors'),
    Object.entries(matrices).map(([name, t]) => ({ name, ...t })),
  )
  for (const path of [at('samed.pth'), at('sam_lora.safetensors')]) {
    const read = await readAdapter(path)
    assert.is(scale(read), 1)
    assert.equal(
      [...read.tensors.targets.keys()],
      [0, 1].flatMap((b) => [`image_encoder.blocks.${b}.attn.q`, `image_encoder.blocks.${b}.attn.v`]),
    )
    assert.equal(read.tensors.targets.get('image_encoder.blocks.1.attn.v')!.A, matrices.w_a_003.data)
    assert.equal(read.tensors.targets.get('image_encoder.blocks.1.attn.q')!.B, matrices.w_b_002.data)
  }
  writeStateDict(at('decoder.pth'), { ...matrices, 'mask_decoder.iou_token.weight': { shape: [1], data: numbers(1) } })
  await refuses(readAdapter(at('decoder.pth')), at('decoder.pth'), 'mask_decoder.iou_token.weight')
  const { w_b_001: _, ...less } = matrices
  writeStateDict(at('less.pth'), less)
  await refuses(readAdapter(at('less.pth')), at('less.pth'), 'w_b_001 is missing')
})

test('a LoRA file that counts its blocks is not put onto the first of a model with more', async () => {
  const matrices = Object.fromEntries(
    ['a_000', 'b_000', 'a_001', 'b_001'].map((n) => [
      `w_${n}`,
      { shape: n.startsWith('a') ? [2, 4] : [4, 2], data: numbers(8) },
    ]),
  )
  writeStateDict(at('one-block.pth'), matrices)
  const read = await readAdapter(at('one-block.pth'))
  validateAdapter('x', read, { ...architecture, depth: 1 })
  assert.throws(() => validateAdapter('x', read, { ...architecture, depth: 2 }), /matrices for 1 blocks.*has 2/s)
})

test('adapters of other programs are named', async () => {
  const one = { shape: [2, 2], data: numbers(4) }
  for (const [name, said] of [
    ['lora_unet_blocks_0_attn.lora_down.weight', /kohya/],
    ['unet.blocks.0.attn.lora.down.weight', /diffusers/],
    ['blocks.0.attn.hada_w1_a', /LyCORIS/],
    ['base_model.model.blocks.0.qkv.lora_A.weight', /PEFT without their configuration/],
    ['blocks.0.attn.qkv.lora_A', /loralib/],
    ['image_encoder.blocks.0.attn.qkv.linear_a_q.weight', /a whole SAM with LoRA matrices/],
  ] as const) {
    writeStateDict(at('other.pth'), { [name]: one })
    const error = await readAdapter(at('other.pth')).then(
      () => null,
      (reason: Error) => reason,
    )
    assert.is(error?.name, 'UserError')
    assert.match(error!.message, said)
  }
})

test('what is not a plain LoRA adapter is refused by file and field', async () => {
  await writeAdapter(at('bad'), qv())
  const path = at('bad/adapter_config.json')
  const good = JSON.parse(readFileSync(path, 'utf8'))
  const cases: [Record<string, unknown>, string][] = [
    [{ peft_type: 'IA3' }, 'peft_type'],
    [{ r: 0 }, 'r is 0, not a number from 1'],
    [{ r: 3 }, 'has rank 4, the configuration says 3'],
    [{ lora_alpha: -1 }, 'lora_alpha'],
    [{ use_dora: true }, 'use_dora'],
    [{ bias: 'all' }, 'bias'],
    [{ rank_pattern: { qkv: 8 } }, 'has rank 4, the configuration says 8'],
    [{ rank_pattern: { qkv: 0 } }, 'rank_pattern'],
    [{ modules_to_save: ['neck'] }, 'modules_to_save'],
    [{ init_lora_weights: 'pissa' }, 'init_lora_weights'],
    [{ init_lora_weights: 'pissa_niter_4' }, 'init_lora_weights'],
    [{ init_lora_weights: 'olora' }, 'init_lora_weights'],
    [{ lora_bias: true }, 'lora_bias'],
    [{ alpha_pattern: { 'blocks.[01].attn.qkv': 3 } }, 'other regular expressions'],
    [{ alpha_pattern: { qkv: 3, 'attn.qkv': 4 } }, 'which of 3, 4 it was trained with'],
  ]
  for (const [change, message] of cases) {
    writeFileSync(path, JSON.stringify({ ...good, ...change }))
    await refuses(readAdapter(at('bad')), at('bad'), message)
  }
  // fields that say nothing are no reason to refuse
  writeFileSync(
    path,
    JSON.stringify({ ...good, rank_pattern: {}, alpha_pattern: {}, use_dora: false, modules_to_save: [] }),
  )
  await readAdapter(at('bad'))
  // ranks are in the tensors too; a key after ^ is a whole path
  const scaleWith = async (change: object) => {
    writeFileSync(path, JSON.stringify({ ...good, ...change }))
    return scale(await readAdapter(at('bad')))
  }
  const plain = await scaleWith({})
  assert.is(await scaleWith({ rank_pattern: { 'blocks.[01].attn': 8 }, init_lora_weights: 'gaussian' }), plain)
  assert.is(await scaleWith({ alpha_pattern: { '^qkv': 3 } }), plain)
  assert.is(await scaleWith({ alpha_pattern: { 'attn\\.qkv$': 2 * good.lora_alpha } }), 2 * plain)
  writeFileSync(path, '{')
  await refuses(readAdapter(at('bad')), path, 'cannot be read')
  await refuses(readAdapter(at('nowhere')), at('nowhere'), 'no such adapter')
})

test('broken matrices are refused by name', async () => {
  const name = `base_model.model.${block}.attn.qkv.q`
  const write = async (tensors: Record<string, { shape: number[]; data: Float32Array }>) => {
    await writeSplit(at('broken'), qv())
    await writeSafetensors(
      at('broken/adapter_model.safetensors'),
      Object.entries(tensors).map(([n, t]) => ({ name: n, ...t })),
    )
    return readAdapter(at('broken'))
  }
  const a = { shape: [2, 4], data: numbers(8) }
  const b = { shape: [4, 2], data: numbers(8) }
  await refuses(write({ [`${name}.lora_A.weight`]: a }), `${name}.lora_B.weight is missing`)
  await refuses(
    write({ [`${name}.lora_A.weight`]: a, [`${name}.lora_B.weight`]: { ...b, shape: [8, 1] } }),
    'are not a LoRA pair',
  )
  await refuses(
    write({ [`${name}.lora_A.weight`]: a, [`${name}.lora_B.weight`]: b, 'x.lora_embedding_A': a }),
    'x.lora_embedding_A',
  )
  const infinite = { ...b, data: Float32Array.from(b.data).fill(Infinity, 3, 4) }
  await refuses(
    write({ [`${name}.lora_A.weight`]: a, [`${name}.lora_B.weight`]: infinite }),
    `${name}.lora_B.weight`,
    'not finite',
  )
  await refuses(write({}), 'no LoRA matrices')
})

test('an adapter of another model is refused by target', async () => {
  assert.ok(expectedTensors(architecture).has(`${block}.attn.qkv.weight`))
  validateAdapter('x', qv(), architecture)
  const all = adapter({ [`${block}.mlp.lin2`]: pair(2, 16, 4), [`${block}.attn.k`]: pair(2, 4, 4) })
  validateAdapter('x', all, architecture)
  await Promise.all([
    refuses(
      () => validateAdapter('x', qv(), { ...architecture, dim: 8 }, 'sam_vit_b'),
      'x: image_encoder.blocks.3.attn.q is of 4 x 4, in this model of 8 x 8',
    ),
    refuses(
      () => validateAdapter('x', qv(), { ...architecture, depth: 3 }, 'sam_vit_b'),
      'x',
      'image_encoder.blocks.3.attn.q, which this model does not have',
    ),
  ])
})

test.run()
