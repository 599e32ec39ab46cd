/** @file `wgsam review` as a program: the page's address, Ctrl-C, and the tasks that need no server. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/review'
import { UserError } from '../../../src/host/errors'
import { put, refusal, scratch } from '../../support/files'
import { ask, square, writeImage } from '../../support/review'

const run = async (argv: string[]): Promise<number | void> => {
  const { values, positionals } = parse(command, argv)
  return command.run(values, positionals)
}

// where addresses are stored
process.env.WGSAM_CACHE ??= scratch()

if (process.argv[2] === 'child') {
  const code = await run(process.argv.slice(3)).catch((error: Error) => {
    console.error(error instanceof UserError ? error.message : error.stack)
    return 1
  })
  process.exit(code ?? 0)
} else {
  const start = (...argv: string[]) => {
    const running = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child', ...argv], { stdio: 'pipe' })
    const said = { out: '', err: '' }
    running.stdout.on('data', (chunk) => (said.out += chunk))
    running.stderr.on('data', (chunk) => (said.err += chunk))
    return { running, said, ended: once(running, 'close') }
  }
  const ends = async (...argv: string[]) => {
    const { said, ended } = start(...argv)
    const [code] = await ended
    return { code, ...said }
  }

  const dir = scratch()
  await writeImage(dir, 'a', [square(2, 2, 10), square(30, 20, 8)])

  /** The output of a server when it is ready. */
  const address = async (running: ChildProcess, said: { out: string; err: string }): Promise<string> => {
    while (!said.out.includes('Ctrl-C')) {
      assert.is(running.exitCode, null, said.err)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return /http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\//.exec(said.out)![0]
  }

  test('it serves the built page and what a person does there; Ctrl-C ends it', async () => {
    const { running, said, ended } = start(dir, '--no-model')
    const url = await address(running, said)
    assert.match((await ask(url)).body.toString(), /main\.js/)
    const script = await ask(`${url}main.js`)
    assert.match(script.headers['content-type']!, 'text/javascript')
    assert.ok(script.body.length > 1000)
    const action = { type: 'state', state: 'accepted' }
    const accepted = await ask(`${url}api/images/a/actions`, { body: { window: 'w', base: 0, action } })
    assert.is(accepted.status, 200)
    const twice = await ends(dir, '--no-model')
    assert.match(twice.out, /another `wgsam review` has this folder open already/)
    assert.ok(twice.out.includes(url), 'it says where')
    assert.is(twice.code, 1)
    const lost = await ask(url.replace(/[0-9a-f]{32}/, '0'.repeat(32)), { headers: { accept: 'text/html,*/*' } })
    assert.match(lost.headers['content-type']!, 'text/html')
    assert.match(lost.body.toString(), /<p>not found: the address that wgsam printed contains a token<\/p>/)

    assert.match((await ends(dir, '--report')).out, /a +accepted +2 +0 +0 +0 +2/, 'while the server runs')
    const exported = await ask(`${url}api/export`, { body: {} })
    assert.equal([exported.json.images, exported.json.masks], [1, 2])
    running.kill('SIGINT')
    assert.equal(await ended, [0, null])
    assert.not(existsSync(join(dir, 'review', 'lock')))
  })

  test('a server that was killed comes back at the same address, where it is free', async () => {
    const urls: string[] = []
    for (let i = 0; i < 2; i++) {
      const { running, said, ended } = start(dir, '--no-model')
      urls.push(await address(running, said))
      running.kill('SIGKILL')
      await ended
    }
    assert.is(urls[1], urls[0])
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(Number(new URL(urls[0]).port), '127.0.0.1', resolve))
    const { running, said, ended } = start(dir, '--no-model')
    const moved = new URL(await address(running, said))
    assert.is.not(moved.port, new URL(urls[0]).port)
    assert.is.not(moved.pathname, new URL(urls[0]).pathname, 'the old token is not sent to another program')
    running.kill('SIGINT')
    await ended
    blocker.close()
    const kept = join(process.env.WGSAM_CACHE!, 'review')
    for (const file of readdirSync(kept)) assert.is(statSync(join(kept, file)).mode & 0o77, 0)
  })

  test('a diameter is for prompts, and must be one', async () => {
    assert.match(await refusal(run([dir, '--no-model', '--diameter', '12px'])), /leave out --no-model or --diameter/)
    assert.match(await refusal(run([dir, '--diameter', 'small'])), /--diameter takes pixels .* not "small"/)
    assert.match(await refusal(run([dir, '--diameter', '3um', '--pixel-size', 'small'])), /small/)
  })

  test('tasks without a server', async () => {
    const exported = await ends(dir, '--export')
    assert.is(exported.code, 0, exported.err)
    assert.match(exported.out, /1 image with 2 masks\nnext: wgsam train --data /)
    const { total, images } = JSON.parse((await ends(dir, '--report', '--json')).out)
    assert.equal([total.masks, images[0].state], [2, 'accepted'])
    assert.equal(JSON.parse(readFileSync(join(dir, 'dataset', 'corrections.json'), 'utf8')).total, total)
    const compared = JSON.parse((await ends(dir, '--compare', dir, '--json')).out)
    assert.is(compared.after.at[1].recall, 1)
  })

  test('mistakes are named', async () => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const taken = String((blocker.address() as AddressInfo).port)
    const empty = scratch()
    const spoilt = scratch()
    await writeImage(spoilt, 'a', [])
    put(join(spoilt, 'review'), 'a file')
    const cases: [RegExp, ...string[]][] = [
      [/there is no folder .*nowhere/, join(dir, 'nowhere'), '--no-model'],
      [/there is no folder/, join(dir, 'nowhere'), '--export'],
      [/a\.png is a file, not a folder: .*wgsam review .* opens it/, join(dir, 'images', 'a.png'), '--no-model'],
      [/holds no images/, empty, '--no-model'],
      [/port \d+ is taken/, dir, '--no-model', '--port', taken],
      [/--port takes a whole number from 0 to 65535/, dir, '--no-model', '--port', '70000'],
      [/cannot write .*lock/, spoilt, '--no-model'],
      [/--export and --report cannot be combined/, dir, '--export', '--report'],
      [/--json requires/, dir, '--json', '--no-model'],
      [/no-such-model[^]*Or review without a model: --no-model/, dir, '--model', 'no-such-model'],
    ]
    for (const [what, ...argv] of cases) assert.match(await refusal(run(argv)), what)
    assert.not(existsSync(join(dir, 'review', 'lock')), 'a server that could not start leaves no lock')
    assert.not(existsSync(join(empty, 'review')))
    blocker.close()
  })

  test.run()
}
