import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { openPth } from '../../../src/weights/pth'
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
    [dictionary([['n', int(1)]]), 'contains no named tensors'],
    [Buffer.from('h\x07'), 'memo 7'],
    [Buffer.from('X\xff\xff\xff\x7fa', 'latin1'), 'ends too early'],
    [Buffer.from('u'), 'no mark'],
    [Buffer.from([0xff]), 'unknown opcode'],
    [tuple(int(1), Buffer.from('(0')), 'a mark where a value belongs'],
    [call(text('not a function')), 'a call of what is not a function'],
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
  await is('hello, world, this is text', 'neither a PyTorch checkpoint')
  await is(pickle(int(1)), 'Save it again')
  await is(zip({ 'readme.txt': Buffer.from('x') }), 'not one that torch.save wrote')
  await is(zip({ 'a/data.pkl': pickle(int(1)), 'a/byteorder': Buffer.from('big') }), 'byte order big')
  await refuses(openCheckpoint(at('missing')), 'no such file')
})

test('weights that are not finite are refused by tensor', async () => {
  const path = at('nan.pth')
  writeStateDict(path, { 'image_encoder.a': { shape: [2], data: Float32Array.of(1, NaN) } })
  const checkpoint = await openCheckpoint(path)
  await refuses(checkpoint.tensors.get('image_encoder.a')!.read(), path, 'image_encoder.a', 'element 1 is NaN')
  await checkpoint.close()
})

test.run()
