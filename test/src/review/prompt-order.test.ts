/** @file In which order a prompt session works: prompts first, then what is on the screen, then what may be asked about next. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Predictor } from '../../../engine/sam/predictor'
import { WorkQueue } from '../../../src/review/work-queue'
import { image, open, point, prompt, refused, size } from '../../support/toy-prompts'

test('a mask under the pointer is never worth an encoding; each click to take is decoded', async () => {
  const session = open()
  const hover = () => session.prompt(image('a'), size, prompt({ purpose: 'hover' }))
  assert.equal(await hover(), { masks: [], ms: 0, encodedNow: false }, 'before the model is loaded')
  await session.encode(image('b'))
  assert.equal((await hover()).masks, [])
  assert.not(session.encoded('a'))
  const shown = await session.prompt(image('a'), size, prompt())
  assert.equal((await hover()).masks, shown.masks)

  const running = session.encode(image('c'))
  const done: string[] = []
  const send = (purpose: 'hover' | 'take', x: number) =>
    session
      .prompt(image('a'), size, prompt({ purpose, points: [point(x, 9)] }))
      .then(() => done.push(`${purpose} ${x}`))
  const replaced = refused(send('hover', 1))
  const rest = [send('hover', 2), send('take', 3), send('take', 4)]
  assert.is((await replaced).status, 409)
  await Promise.all([running, ...rest])
  assert.equal(done, ['take 3', 'take 4', 'hover 2'])
  await session.close()
})

test('encoding ahead begins when nothing was asked for a while, and lets prompts through', async () => {
  const session = open({ idleMs: 300 })
  const direct = open()
  await session.encode(image('a'))
  const expected = await session.prompt(image('a'), size, prompt())
  const of = async (name: string) => (await direct.prompt(image(name), size, prompt())).masks
  const [b, c, d] = [await of('b'), await of('c'), await of('d')]

  const { setImageInParts } = Predictor.prototype
  /** Encodes an image ahead, with a request after the first part of the encoding; returns whether it was answered before the end. */
  const ahead = async (name: string, request: () => Promise<unknown>): Promise<boolean> => {
    let [asked, answered, before] = [false, false, false]
    Predictor.prototype.setImageInParts = function (rgbImage, between) {
      return setImageInParts.call(this, rgbImage, async () => {
        assert.is(session.doing.doing, 'encoding the next image')
        if (!asked) void request().then(() => (answered = true))
        asked = true
        await between()
        before ||= answered && !session.encoded(name)
      })
    }
    session.encodeAhead(image(name))
    while (!session.encoded(name)) await new Promise((resolve) => setTimeout(resolve, 5))
    Predictor.prototype.setImageInParts = setImageInParts
    assert.ok(asked)
    return before
  }

  let during: unknown
  await session.prompt(image('a'), size, prompt())
  const start = performance.now()
  const before = await ahead('b', async () => {
    assert.ok(performance.now() - start >= 290, 'not at once')
    during = (await session.prompt(image('a'), size, prompt({ purpose: 'take' }))).masks
  })
  assert.ok(before, 'the prompt does not wait for the encoding')
  assert.equal(during, expected.masks, 'on the embedding of the image on the screen')
  const next = await session.prompt(image('b'), size, prompt())
  assert.equal([next.encodedNow, next.masks], [false, b], 'the same bits as without interruption')

  // another image that has to be encoded in between
  assert.ok(await ahead('c', async () => (during = (await session.prompt(image('d'), size, prompt())).masks)))
  assert.equal(during, d)
  assert.equal((await session.prompt(image('c'), size, prompt())).masks, c)
  await session.close()

  // and the image itself, opened by a person: it is not encoded twice
  const another = open({ idleMs: 0 })
  await another.encode(image('a'))
  another.encodeAhead(image('b'))
  const [first, opened] = await Promise.all([another.prompt(image('b'), size, prompt()), another.encode(image('b'))])
  assert.equal([first.encodedNow, first.masks, opened > 0], [false, b, true])
  await another.close()
  await direct.close()
})

test('the next image is encoded when the queue is empty', async () => {
  const session = open({ idleMs: 0 })
  await session.encode(image('a'))
  session.encodeAhead(image('b'))
  session.encodeAhead(image('c'))
  session.encodeAhead(image('d'))
  const done: string[] = []
  await Promise.all([
    session.prompt(image('a'), size, prompt()).then(() => done.push(`prompt, c ${session.encoded('c')}`)),
    session.encode(image('a')).then(() => done.push('encoded')),
  ])
  while (!session.encoded('d')) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(done, ['encoded', 'prompt, c false'])
  assert.not(session.encoded('c'), 'of those ahead the last counts')
  await session.close()
})

test('of a window’s waiting prompts, only the newest is decoded', async () => {
  const session = open()
  const running = session.encode(image('a'))
  const send = (window: string, x: number) =>
    session.prompt(image('a'), size, prompt({ window, points: [point(x, 9)] }))
  const [one, two, other, three] = [send('w', 1), send('w', 2), send('v', 1), send('w', 3)]
  for (const older of [one, two]) {
    const error = await refused(older)
    assert.is(error.status, 409)
    assert.match(error.message, 'a newer request took its place')
  }
  await Promise.all([running, other, three])
  await session.close()
})

test('jobs run by priority: prompts, the image on the screen, the next one', async () => {
  const queue = new WorkQueue()
  const order: string[] = []
  const work = (name: string) => async () => {
    order.push(name)
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (name === 'bad') throw new Error('it failed')
  }
  const first = queue.run('ahead', work('running'))
  const rest = [
    queue.run('ahead', work('ahead')),
    queue.run('soon', work('soon')),
    queue.run('first', work('bad')).catch((error: Error) => order.push(error.message)),
    queue.run('first', work('prompt'), 'w'),
  ]
  await Promise.all([first, ...rest])
  assert.equal(order, ['running', 'bad', 'it failed', 'prompt', 'soon', 'ahead'])
  const last = queue.run('soon', work('last'))
  const late = refused(queue.run('soon', work('late')))
  await queue.close()
  await last
  assert.is((await late).status, 503)
  assert.is((await refused(queue.run('soon', work('after')))).status, 503)
})

test.run()
