import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { fileSource } from '../../../src/weights/open-file'
import { openPth as openSource } from '../../../src/weights/pth'
import {
  call,
  dictionary,
  global,
  int,
  pickle,
  tensor,
  text,
  tuple,
  writePth,
  writeStateDict,
  zip,
} from '../../support/make-pth'
import { refuses, scratch } from '../../support/weights'

const at = scratch()
const openPth = async (path: string) => openSource(await fileSource(path))
const values = Float32Array.from({ length: 24 }, (_, i) => i)
const whole = { storage: '0', length: 24, shape: [4, 6], strides: [6, 1] }

test('views of one storage come out in row-major order', async () => {
  const path = at('views.pth')
  const views: [string, Buffer][] = [
    ['whole', tensor(whole)],
    ['transposed', tensor({ ...whole, shape: [6, 4], strides: [1, 6] })],
    ['column', tensor({ ...whole, offset: 2, shape: [4, 1], strides: [6, 1] })],
    ['tail', tensor({ ...whole, offset: 20, shape: [4], strides: [1] })],
    ['repeated', tensor({ ...whole, offset: 3, shape: [2, 2], strides: [0, 1] })],
    ['scalar', tensor({ ...whole, offset: 7, shape: [], strides: [] })],
    ['none', tensor({ ...whole, shape: [0, 3], strides: [3, 1] })],
    [
      'parameter',
      call(
        global('torch._utils', '_rebuild_parameter'),
        tensor(whole),
        int(1),
        call(global('collections', 'OrderedDict')),
      ),
    ],
  ]
  writePth(path, dictionary(views), { 0: values })
  const { tensors, close } = await openPth(path)
  const read = async (name: string) => [...(await tensors.get(name)!.read())]
  assert.equal(await read('whole'), [...values])
  assert.equal(await read('parameter'), [...values])
  assert.equal((await read('transposed')).slice(0, 5), [0, 6, 12, 18, 1])
  assert.equal(await read('column'), [2, 8, 14, 20])
  assert.equal(await read('tail'), [20, 21, 22, 23])
  assert.equal(await read('repeated'), [3, 4, 3, 4])
  assert.equal(await read('scalar'), [7])
  assert.equal(await read('none'), [])
  await close()
})

test('every element type becomes f32', async () => {
  const path = at('types.pth')
  const of = (storage: string, type: string, length: number) =>
    tensor({ storage, type, length, shape: [length], strides: [1] })
  writePth(
    path,
    dictionary([
      ['f64', of('a', 'DoubleStorage', 2)],
      ['f16', of('b', 'HalfStorage', 2)],
      ['bf16', of('c', 'BFloat16Storage', 1)],
      ['i64', of('d', 'LongStorage', 1)],
      ['u8', of('e', 'ByteStorage', 2)],
    ]),
    {
      a: Float64Array.of(0.5, 1e-3),
      b: Uint16Array.of(0x3c00, 0x3800),
      c: Uint16Array.of(0x4040),
      d: BigInt64Array.of(-7n),
      e: Uint8Array.of(0, 255),
    },
  )
  const { tensors, close } = await openPth(path)
  const expected = { f64: [0.5, Math.fround(1e-3)], f16: [1, 0.5], bf16: [3], i64: [-7], u8: [0, 255] }
  for (const [name, data] of Object.entries(expected)) assert.equal([...(await tensors.get(name)!.read())], data, name)
  await close()
})

test('a state dict inside a training checkpoint is found, a common prefix goes', async () => {
  const path = at('nested.pth')
  const state = dictionary([
    ['module.image_encoder.x', tensor(whole)],
    ['module.mask_decoder.y', tensor(whole)],
  ])
  writePth(
    path,
    dictionary([
      ['epoch', int(3)],
      ['model', state],
    ]),
    { 0: values },
  )
  const checkpoint = await openCheckpoint(path)
  assert.is(checkpoint.format, 'pth')
  assert.equal([...checkpoint.tensors.keys()], ['image_encoder.x', 'mask_decoder.y'])
  await checkpoint.close()
})

/** A checkpoint of dictionaries: texts and numbers are put in as they are, a list of names becomes tensors. */
type Nested = { [key: string]: Nested | Buffer | string[] }
const nested = (value: Nested): Buffer =>
  dictionary(
    Object.entries(value).map(([key, item]) => [
      key,
      Buffer.isBuffer(item)
        ? item
        : Array.isArray(item)
          ? dictionary(item.map((name) => [name, tensor(whole)]))
          : nested(item),
    ]),
  )
const SAM = ['image_encoder.x', 'prompt_encoder.y', 'mask_decoder.z']
const prefixed = (prefix: string) => SAM.map((name) => prefix + name)

test('a SAM is found under every container and prefix, and tensors beside it are reported', async () => {
  const path = at('found.pth')
  const cases: [Nested, string[]][] = [
    [{ model_state: prefixed('sam.'), optimizer_state: { a: ['b'] } }, ['optimizer_state.a.b']],
    [{ state_dict: [...prefixed('model.'), 'criterion.pos_weight'] }, ['state_dict.criterion.pos_weight']],
    [{ model_state_dict: prefixed('_orig_mod.'), loss: tensor(whole) }, ['loss']],
    [{ model: prefixed('module._orig_mod.net.sam_model.') }, []],
    [{ checkpoint: { weights: { network: prefixed('backbone.sam.') } } }, []],
    // parts saved one by one
    [{ image_encoder: ['x'], prompt_encoder: ['y'], mask_decoder: ['z'], adapter: ['w'] }, ['adapter.w']],
    // of several models the one that scripts call the model
    [{ ema: SAM, model: SAM }, prefixed('ema.')],
    [{ state_dict: SAM, best_state_dict: SAM }, prefixed('best_state_dict.')],
  ]
  for (const [value, others] of cases) {
    writePth(path, nested(value), { 0: values })
    const checkpoint = await openCheckpoint(path)
    assert.equal([...checkpoint.tensors.keys()], SAM)
    assert.equal(checkpoint.others, others)
    await checkpoint.close()
  }
  writePth(path, nested({ student: SAM, teacher: SAM }), { 0: values })
  await refuses(openCheckpoint(path), path, 'it holds 2 models, under student., teacher.')
})

test('what is no SAM is named by what its tensors look like', async () => {
  const path = at('foreign.pth')
  for (const [names, words] of [
    [['image_encoder.trunk.pos_embed', 'sam_mask_decoder.iou_token.weight', 'memory_encoder.x'], 'those of SAM 2'],
    [['model.0.conv.weight', 'model.22.cv2.0.0.conv.weight'], 'YOLO'],
    [['w_a_000', 'w_b_000'], '--adapter'],
    [['pos_embed', 'blocks.0.attn.qkv.weight'], 'image encoder alone'],
    [['image_encoder.pos_embed'], 'without prompt encoder and mask decoder'],
    [['mask_decoder.x', 'prompt_encoder.y'], 'without image encoder'],
    [['cls_token', 'head.weight'], 'image classifier'],
    [['abc', 'd', 'e', 'f', 'g'], 'its 5 tensors are named abc, d, e, f, …; wanted are image_encoder'],
  ] as const) {
    writePth(path, nested({ model: [...names] }), { 0: values })
    await refuses(
      openCheckpoint(path),
      path,
      'not the weights of a SAM',
      words.replace(/named abc.*f, …/, 'named model.abc, model.d, model.e, model.f, …'),
    )
  }
})

test('harmless objects beside the weights are no obstacle, and none of them runs', async () => {
  const path = at('harmless.pth')
  const made = (module: string, name: string, ...args: Buffer[]) => call(global(module, name), ...args)
  const object = (module: string, name: string, state: [string, Buffer][]) =>
    Buffer.concat([global(module, name), tuple(), Buffer.from([0x81]), dictionary(state), Buffer.from('b')])
  const encoded = made('_codecs', 'encode', text('abc'), text('latin1'))
  const dtype = made('numpy', 'dtype', text('f8'), Buffer.from([0x89]), Buffer.from([0x88]))
  const beside: Record<string, Buffer> = {
    scalar: made('numpy.core.multiarray', 'scalar', dtype, encoded),
    'scalar of numpy 2': made('numpy._core.multiarray', 'scalar', dtype, encoded),
    args: object('argparse', 'Namespace', [['lr', int(1)]]),
    type: global('torch', 'float32'),
    device: made('torch', 'device', text('cuda'), int(0)),
    set: made('__builtin__', 'set', tuple(int(1))),
    path: made('pathlib', 'PosixPath', text('/'), text('tmp')),
    time: made('datetime', 'datetime', encoded),
    settings: object('easydict', 'EasyDict', [['lr', int(1)]]),
    hydra: object('omegaconf.dictconfig', 'DictConfig', [['_content', dictionary([])]]),
    lightning: object('lightning.fabric.utilities.data', 'AttributeDict', [['lr', int(1)]]),
    counts: made('collections', 'Counter', dictionary([])),
  }
  writePth(path, nested({ model: SAM, ...beside }), { 0: values })
  const checkpoint = await openCheckpoint(path)
  assert.equal([...checkpoint.tensors.keys()], SAM)
  assert.equal(checkpoint.others, [])
  await checkpoint.close()
})

test('a small pickle cannot take the memory or the time of the machine', async () => {
  const path = at('bomb.pth')
  const many = (bytes: string, count: number) => Buffer.alloc(bytes.length * count, bytes, 'latin1')
  // each level twice: 2^40 paths through 40 dictionaries
  const shared = Buffer.concat([
    Buffer.from('}q\0', 'latin1'),
    ...Array.from({ length: 40 }, (_, i) =>
      Buffer.concat([
        Buffer.from('}('),
        text('a'),
        Buffer.of(0x68, i),
        text('b'),
        Buffer.of(0x68, i),
        Buffer.from('uq'),
        Buffer.of(i + 1),
      ]),
    ),
  ])
  const cases: [Buffer, string][] = [
    [many('}', 4e5), 'lists, dictionaries and objects'],
    [many(']', 4e5), 'lists, dictionaries and objects'],
    [many('\x8f', 4e5), 'lists, dictionaries and objects'],
    [many('(', 5e6), 'operations'],
    [Buffer.concat([int(1), many('\x94', 2e6)]), 'stored values'],
    [Buffer.concat([global('torch', 'Size'), Buffer.from('('), many('N', 5e5), Buffer.from('tR')]), '500000 arguments'],
    [Buffer.concat([Buffer.from('('), many('N', 5e5), Buffer.from('itorch\nSize\n')]), '500000 arguments'],
    [many(' ', 2 ** 24 + 1), 'too large'],
    [shared, 'no named tensors'],
  ]
  for (const [value, message] of cases) {
    const began = performance.now()
    writePth(path, value)
    await refuses(openPth(path), path, message)
    assert.ok(performance.now() - began < 20_000, message)
  }
})

test('compressed members are read, but not those that unpack to far more', async () => {
  const path = at('packed.pth')
  const state = dictionary([
    ['a', tensor({ ...whole, shape: [24], strides: [1] })],
    ['b', tensor({ ...whole, shape: [4], strides: [1] })],
  ])
  const stored = new Uint8Array(values.buffer)
  writeFileSync(path, zip({ 'x/data.pkl': pickle(state), 'x/data/0': stored }, { deflate: true }))
  const { tensors, close } = await openPth(path)
  assert.equal([...(await tensors.get('a')!.read())], [...values])
  assert.equal([...(await tensors.get('b')!.read())], [0, 1, 2, 3])
  await close()
  const large = tensor({ storage: '0', length: 2 ** 22, shape: [2 ** 22], strides: [1] })
  writeFileSync(
    path,
    zip({ 'x/data.pkl': pickle(dictionary([['a', large]])), 'x/data/0': new Uint8Array(2 ** 24) }, { deflate: true }),
  )
  const bomb = await openPth(path)
  await refuses(bomb.tensors.get('a')!.read(), path, 'data/0', 'are no weights')
  await bomb.close()
})

test('a flipped bit is found in tensors that share a storage, too', async () => {
  const path = at('shared.pth')
  const view = (offset: number) => tensor({ ...whole, offset, shape: [12], strides: [1] })
  writePth(
    path,
    dictionary([
      ['a', view(0)],
      ['b', view(12)],
    ]),
    { 0: values },
  )
  const bytes = readFileSync(path)
  bytes[bytes.indexOf(Buffer.from(values.buffer)) + 90] ^= 1
  writeFileSync(path, bytes)
  const { tensors, close } = await openPth(path)
  await refuses(tensors.get('a')!.read(), path, 'data/0', 'checksum')
  await close()
})

test('a pickle that would run code is refused by name, and runs nothing', async () => {
  const touched = at('touched')
  const command = text(`touch ${touched}`)
  const attacks: [string, Buffer][] = [
    ['os.system', call(global('os', 'system'), command)],
    ['builtins.eval', call(global('builtins', 'eval'), text('1'))],
    ['torch.load', call(global('torch', 'load'), command)],
    ['collections.OrderedDict.__init__', global('collections', 'OrderedDict.__init__')],
    ['posix.system', Buffer.concat([Buffer.from('('), command, Buffer.from('iposix\nsystem\n')])],
    ['nt.system', Buffer.concat([text('nt'), text('system'), Buffer.from([0x93])])],
    ['segment_anything.modeling.sam.Sam', call(global('segment_anything.modeling.sam', 'Sam'))],
    ['torch.__proto__', global('torch', '__proto__')],
  ]
  for (const [name, value] of attacks) {
    writePth(at('attack.pth'), dictionary([['x', value]]))
    await refuses(openCheckpoint(at('attack.pth')), at('attack.pth'), `calls ${name}`)
  }
  assert.not(existsSync(touched))
})

test('damaged pickles and storages are refused by file and tensor', async () => {
  const path = at('damaged.pth')
  const cases: [Buffer, string][] = [
    [dictionary([['far', tensor({ ...whole, offset: 1 })]]), 'tensor far: (4, 6) reaches beyond'],
    [dictionary([['long', tensor({ ...whole, length: 25 })]]), 'tensor long: its data has 96 bytes instead of 100'],
    [dictionary([['lost', tensor({ ...whole, storage: '9' })]]), 'tensor lost: its data (archive/data/9) is missing'],
    [dictionary([['odd', tensor({ ...whole, strides: [6] })]]), 'not described as torch describes'],
    [
      dictionary([['huge', tensor({ ...whole, shape: [2 ** 20, 2 ** 20], strides: [0, 0] })]]),
      'not described as torch',
    ],
    [
      dictionary([['more', tensor({ ...whole, shape: [2 ** 10, 2 ** 10], strides: [0, 0] })]]),
      'tensor more: (1024, 1024) has more elements than its data, which has 24',
    ],
    [dictionary([['n', int(1)]]), 'contains no named tensors'],
    [Buffer.from('h\x07'), 'memo 7'],
    [Buffer.from('X\xff\xff\xff\x7fa', 'latin1'), 'ends too early'],
    [Buffer.from('u'), 'no mark'],
    [Buffer.from([0xff]), 'unknown opcode'],
    [tuple(int(1), Buffer.from('(0')), 'a mark where a value belongs'],
    [call(text('not a function')), 'a call of something that cannot be called'],
  ]
  for (const [value, message] of cases) {
    writePth(path, value, { 0: values })
    await refuses(openPth(path), path, message)
  }
})

test('truncated and altered files are refused', async () => {
  const path = at('whole.pth')
  writeStateDict(path, { a: { shape: [24], data: values } })
  const good = readFileSync(path)
  const bad = at('bad.pth')
  for (const length of [good.length - 1, good.length >> 1, 40, 4]) {
    writeFileSync(bad, good.subarray(0, length))
    await refuses(openCheckpoint(bad), bad, /damaged|truncated/)
  }
  const altered = Buffer.from(good)
  altered[altered.indexOf(Buffer.from(values.buffer)) + 50] ^= 1
  writeFileSync(bad, altered)
  const file = await openPth(bad)
  await refuses(file.tensors.get('a')!.read(), bad, 'data/0', 'checksum')
  await file.close()
})

test('what is not a checkpoint says what it is', async () => {
  const path = at('other')
  const is = (data: Uint8Array | string, message: string) => {
    writeFileSync(path, data)
    return refuses(openCheckpoint(path), path, message)
  }
  await is('', 'empty')
  await is('hello, world, this is text', 'text, not a file of weights. Wanted is a PyTorch checkpoint')
  await is('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', 'a pointer of Git LFS')
  await is('<!DOCTYPE html><html><title>Sign in</title>', 'a web page')
  await is('{"error": "not found"}', 'perhaps the error of a download')
  await is('GGUF\x03', 'GGUF')
  await is(Buffer.from([0x1f, 0x8b, 8, 0]), 'gzip')
  await is(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9]), 'it is no file of weights')
  await is(
    zip({ 'a/data.pkl': pickle(int(1)), 'a/code/__torch__/x.py': Buffer.from('') }),
    'a TorchScript program, not a file of weights',
  )
  await is(pickle(int(1)), 'Save it again')
  await is(zip({ 'readme.txt': Buffer.from('x') }), 'not one that torch.save wrote')
  await is(zip({ 'a/data.pkl': pickle(int(1)), 'a/byteorder': Buffer.from('big') }), 'byte order big')
  await refuses(openCheckpoint(at('missing')), 'no such file')
})

test('weights that are not finite are refused by tensor', async () => {
  const path = at('nan.pth')
  const one = { shape: [1], data: Float32Array.of(1) }
  writeStateDict(path, { 'image_encoder.a': { shape: [2], data: Float32Array.of(1, NaN) }, 'mask_decoder.b': one })
  const checkpoint = await openCheckpoint(path)
  await refuses(checkpoint.tensors.get('image_encoder.a')!.read(), path, 'image_encoder.a', 'element 1 is NaN')
  await checkpoint.close()
})

test.run()
