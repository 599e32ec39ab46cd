/** @file `wgsam report`: the pages of complete, unfinished and damaged runs, and what it refuses. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseVerb, parse } from '../../../../src/cli/command'
import { command } from '../../../../src/commands/report'
import { page } from '../../../../src/drawing/html-page'
import { readEvaluation } from '../../../../src/report/run/evaluation-tables'
import { readRunView } from '../../../../src/report/run/read-run'
import { MetricsFile } from '../../../../src/tracking/metrics-file'
import { PictureSink, readPictures } from '../../../../src/report/run/picture-folder'
import { differences } from '../../../../src/report/run/recipe'
import { renderRunReport, stateOf } from '../../../../src/report/run/run-report'
import { addSession, readSessions } from '../../../../src/report/run/sessions'
import { tunedOnSixImages } from '../../../support/tuned-thresholds'
import { writeSafetensors } from '../../../../src/weights/safetensors-writer'
import { updateAdapterProfile } from '../../../../src/weights/adapter-profile'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { evaluationFile } from '../../../support/evaluation-file'
import { makeRun, scratch, step, validation } from '../../../support/runs'

const hardware = { adapter: 'a GPU', driver: 'd', software: false, processor: 'p', system: 's', versions: 'wgsam 9' }
const text = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
const circles = (html: string, title: string) => {
  const chart = html.split('<figure class="chart">').find((part) => part.includes(`<b>${title}`))
  return (chart?.match(/<circle/g) ?? []).length
}

async function report(...roots: string[]): Promise<string> {
  const runs = await Promise.all(roots.map((root, i) => readRunView(root, `run ${i}`)))
  return page(renderRunReport({ runs, evaluations: [], measured: null, command: 'wgsam report' }))
}

async function typed(...argv: string[]): Promise<string> {
  const chosen = await chooseVerb(command, argv)
  const { values, positionals } = parse(chosen.command, chosen.argv)
  const lines: string[] = []
  const { log, error } = console
  console.log = console.error = (line: string) => void lines.push(line)
  try {
    assert.is(await chosen.command.run(values, positionals), 0)
  } finally {
    Object.assign(console, { log, error })
  }
  return lines.join('\n')
}

async function refused(...argv: string[]): Promise<string> {
  const error = await typed(...argv).then(
    () => null,
    (error: Error) => error,
  )
  assert.is(error?.name, 'UserError', error?.stack ?? 'was not refused')
  return error!.message
}

test('a run shows the base model, its folders, an early end and the strength of its adapter', async () => {
  const root = makeRun({ steps: 12 })
  const metrics = join(root, 'metrics.jsonl')
  const sources = (a: number, b: number) => ({ sources: { 'powder <1>': a, spheres: b } })
  const base = { ...validation(0, 0.51), ...sources(0.41, 0.42) }
  const last = { ...validation(12, 0.77), ...sources(0.71, 0.72), early: 'patience' }
  writeFileSync(
    metrics,
    [JSON.stringify(base), readFileSync(metrics, 'utf8').trim(), JSON.stringify(last), ''].join('\n'),
  )
  mkdirSync(join(root, 'best'))
  const source = { name: 'oxide', foreign: true, images: 8, base: { point: 0.6, box: 0.9 } }
  const scored = { ...source, adapter: { point: 0.8, box: 0.905 } }
  await updateAdapterProfile(join(root, 'best'), { strength: { value: 0.75, safe: true, sources: [scored] } })
  const html = await report(root)
  assert.match(html, /finished early after 12 of 20 steps: validations had stopped improving/)
  assert.match(html, /epoch 3\.0\); the base model has 51\.00 · 51\.00/)
  assert.match(html, /powder &lt;1&gt;<\/t[hd]>[^]*41\.00[^]*71\.00/)
  assert.match(html, /strength 0\.75: of the strengths tried/)
  assert.match(html, /oxide<[^]*not trained on<[^]*60\.00<[^]*80\.00<[^]*90\.00<[^]*90\.50</)
  await updateAdapterProfile(join(root, 'best'), { strength: { value: 0.25, safe: false, sources: [scored] } })
  assert.match(await report(root), /Warning: at every strength some source is worse/)
})

test('a run shows the thresholds and the calibration of its adapter', async () => {
  const root = makeRun()
  mkdirSync(join(root, 'best'))
  const bins = [
    { predicted: 0.75, actual: 0.5, count: 10 },
    { predicted: 0.95, actual: 0.8, count: 30 },
  ]
  const reliability = { raw: { error: 0.175, bins }, calibrated: { error: 0.021, bins } }
  await updateAdapterProfile(join(root, 'best'), {
    thresholds: { predIouThresh: 0.71, stabilityScoreThresh: 0.85, ...tunedOnSixImages },
    calibration: { knots: [[0.5, 0.4]], images: 6, masks: 40, reliability },
    diameters: [12, 30, 59, 90, 161],
  })
  const html = await report(root)
  assert.match(html, /tuned on 6 validation images: predicted IoU above 0\.71, stability from 0\.85; F1 50\.0 % with/)
  assert.match(html, /calibrated on 40 masks of 6 images: calibration error 17\.5 % before, 2\.1 % after/)
  assert.match(html, /True IoU by predicted IoU[^]*<svg/)
  assert.match(text(html), /Particles at the input\s*median 59 px at the input, 5 % under 12, 5 % over 161/)

  const bare = await report(makeRun())
  assert.not.match(bare, /Automatic masks|Particles at the input/)
})

test('a complete run: recipe, data, curves, machine and command', async () => {
  const root = makeRun()
  await addSession(root, { began: '2026-01-02T03:04:05Z', command: "wgsam train --data 'a b'", hardware })
  const html = await report(root)
  const words = text(html)
  for (const part of [
    'finished, 20 steps',
    'LoRA of rank 4',
    '8 to train on, 1 for validation, 1 kept for the test',
    'a GPU',
    'wgsam 9',
    'wgsam train --data &#39;a b&#39;',
    '79.00 · 79.00', // the best validation is the last, at 0.6 + 19 / 100
  ])
    assert.ok(words.includes(part), `${part} is not in: ${words}`)
  // three validations, two kinds of prompts
  assert.is(circles(html, 'Dice, %'), 6)
  assert.is(circles(html, 'mIoU, %'), 6)
  for (const title of ['Loss', 'Parts of the loss', 'Learning rate', 'Gradient norm']) assert.match(html, `<b>${title}`)
  assert.not.match(html, /(src|href)="(?!data:)/)
})

test('a run that was killed is said to continue from the step that is saved', async () => {
  const killed = makeRun({ steps: 5 })
  const checkpoint = join(killed, 'last', 'checkpoint.safetensors')
  const data = new Float32Array(1)
  const saved = (step: unknown) =>
    writeSafetensors(checkpoint, [{ name: 'a', shape: [1], data }], { wgsam: JSON.stringify({ step }) })
  const state = async () => stateOf(await readRunView(killed, 'a run'))
  await saved(3)
  assert.match(await state(), /interrupted after 5 of 20 steps .* continues it from step 3, the last that is saved$/)
  await saved(5)
  assert.match(await state(), / continues it$/)
  // nothing is said of a file that cannot be read
  await saved('three')
  assert.match(await state(), / continues it$/)
  writeFileSync(checkpoint, 'nonsense')
  assert.match(await state(), / continues it$/)
})

test('problems of unfinished, empty and damaged runs are listed', async () => {
  const running = makeRun({ steps: 5 })
  appendFileSync(join(running, 'metrics.jsonl'), '{"kind":"step","step":6')
  const half = text(await report(running))
  assert.match(half, '5 of 20 steps (25 %)')
  assert.match(half, 'ends within a line')
  assert.match(half, 'There is no validation yet')

  const empty = makeRun()
  rmSync(join(empty, 'metrics.jsonl'))
  rmSync(join(empty, 'split.json'))
  const nothing = text(await report(empty))
  assert.match(nothing, 'has not begun to train')
  assert.match(nothing, 'split.json is missing')

  const damaged = makeRun()
  writeFileSync(join(damaged, 'config.json'), '{"rank": ')
  appendFileSync(
    join(damaged, 'metrics.jsonl'),
    'nonsense\n[]\n{"kind":"step","step":"x"}\n' + JSON.stringify(step(21)) + '\n',
  )
  writeFileSync(join(damaged, 'sessions.json'), '{}')
  mkdirSync(join(damaged, 'pictures'))
  const escape = [{ name: 'x', step: 1, caption: '', file: '../../etc/passwd.jpg' }]
  writeFileSync(join(damaged, 'pictures', 'index.json'), JSON.stringify(escape))
  const view = await readRunView(damaged, 'damaged')
  assert.is(view.steps.length, 21)
  assert.is(view.pictures.length, 0)
  const said = view.problems.join('\n')
  for (const part of ['config.json', '3 lines of metrics.jsonl are damaged', 'sessions.json', 'pictures/'])
    assert.ok(said.includes(part), `${part} is not in: ${said}`)
  assert.match(text(await report(damaged)), '21 steps')
})

test('names are text, never markup; NaN and infinity leave gaps', async () => {
  const root = makeRun({ over: { data: ['<img src=x onerror=alert(1)>'] } })
  writeFileSync(
    join(root, 'metrics.jsonl'),
    JSON.stringify({ ...step(1), loss: NaN, gradientNorm: Infinity }) + '\n' + JSON.stringify(step(2)) + '\n',
  )
  const html = await report(root)
  assert.not.match(html, '<img src=x')
  assert.not.match(html, 'NaN')
  assert.not.match(html, 'Infinity')
})

test('several runs: one curve each, and only the differences of their recipes', async () => {
  const roots = [makeRun(), makeRun({ steps: 8, over: { lora: { rank: 16 }, tracking: { name: 'other' } } })]
  const runs = await Promise.all(roots.map((root, i) => readRunView(root, `run ${i}`)))
  assert.equal(differences(runs), [['lora.rank', '4', '16']])
  const html = await report(...roots)
  assert.is(circles(html, 'Dice, point prompts, %'), 4)
  assert.match(html, 'key s1 solid">run 0</span><span class="key s2 solid">run 1')
})

test('records read before are not read again, but a replaced file is', async () => {
  const root = makeRun({ steps: 2 })
  const path = join(root, 'metrics.jsonl')
  const metrics = new MetricsFile(path)
  await metrics.read()
  const line = JSON.stringify(step(3))
  appendFileSync(path, line.slice(0, 30))
  await metrics.read()
  assert.equal([metrics.steps.length, metrics.endsWithinLine], [2, true])
  appendFileSync(path, line.slice(30) + '\n')
  await metrics.read()
  assert.equal(
    metrics.steps.map(({ step }) => step),
    [1, 2, 3],
  )
  assert.equal([metrics.endsWithinLine, metrics.damagedLines], [false, []])
  writeFileSync(path, JSON.stringify(step(9)) + '\n')
  await metrics.read()
  assert.equal(
    metrics.steps.map(({ step }) => step),
    [9],
  )
})

test('the newest picture of each name is kept; a failure to write is only reported', async () => {
  const root = makeRun()
  const png = await sharp({ create: { width: 8, height: 4, channels: 3, background: '#f00' } })
    .png()
    .toBuffer()
  const warnings: string[] = []
  const sink = new PictureSink(root, (line) => warnings.push(line))
  const event = { kind: 'image' as const, png, width: 8, height: 4 }
  for (const [name, at] of [
    ['val/image_10', 4],
    ['val/image_2', 4],
    ['val/image_2', 8],
  ] as const)
    await sink.append({ ...event, name, step: at, caption: `<b>${name}` })
  const pictures = await readPictures(root)
  assert.equal(
    pictures.map(({ name, step }) => [name, step]),
    [
      ['val/image_2', 8],
      ['val/image_10', 4],
    ],
  )
  assert.match(await report(root), 'after step 8')
  const nowhere = new PictureSink(join(root, 'config.json'), (line) => warnings.push(line))
  for (let i = 0; i < 3; i++) await nowhere.append({ ...event, name: 'a', step: i, caption: '' })
  assert.is(warnings.length, 1)
})

test('sessions are added, and a damaged file is replaced', async () => {
  const root = makeRun()
  const session = { began: '2026-01-02T03:04:05Z', command: 'wgsam train', hardware }
  await addSession(root, session)
  await addSession(root, { ...session, command: 'wgsam train --resume x' })
  assert.is((await readSessions(root)).length, 2)
  writeFileSync(join(root, 'sessions.json'), '[{]')
  await addSession(root, session)
  assert.equal(await readSessions(root), [session])
})

test('the command: evaluations in the folder and given, and refusals', async () => {
  const root = makeRun()
  evaluationFile(join(root, 'eval.json'))
  assert.match(await typed(root), 'finished, 20 steps')
  const html = readFileSync(join(root, 'report.html'), 'utf8')
  assert.match(html, '<h2>Evaluation</h2>')
  assert.match(html, '+26.00')
  assert.match(html, 'a&lt;b')
  const { comparison } = await readEvaluation(join(root, 'eval.json'))
  assert.ok(Number.isNaN(comparison.models[0].evaluations[0].ap), 'without scores there is no average precision')

  const folder = scratch()
  assert.match(await refused(folder), 'contains no training run')
  assert.match(await refused(join(folder, 'none')), 'there is no run')
  assert.match(await refused(join(root, 'config.json')), 'is a file')
  assert.match(await refused(root, `${root}/`), 'given twice')
  assert.match(await refused(root, '--measured', folder), 'no summary.json')
  const wrong = join(folder, 'wrong.json')
  const fewer = JSON.parse(readFileSync(join(root, 'eval.json'), 'utf8')) as typeof comparison
  fewer.models[1].evaluations[0].perImage.pop()
  for (const [content, why] of [
    [JSON.stringify(fewer), 'is not a result of'],
    ['{', 'not JSON'],
    ['{"models": []}', 'is not a result of'],
    ['null', 'is not a result of'],
  ]) {
    writeFileSync(wrong, content)
    assert.match(await refused(root, '--eval', wrong), why)
  }
  writeFileSync(join(folder, 'summary.json'), '{"version": 1}')
  assert.match(await refused(root, '--measured', folder), 'was not written by `wgsam measure`')
})

test('a summary of sizes whose axis would never end is refused', async () => {
  const [root, folder] = [makeRun(), scratch()]
  const value = (x: number) => ({ value: x })
  const summary = (edges: number[], scale: string) => {
    const curve = { edges, shares: [value(40), value(60)], below: [value(0), value(40), value(100)] }
    const weighted = { effective: 9, figures: { d10: value(1), d50: value(2), d90: value(3) }, curve }
    const distribution = { counted: 9, coverage: value(1), number: weighted, volume: weighted }
    const scopes = [{ level: 'all', name: 'all', images: 1, particles: 9, distribution }]
    const options = { diameter: 'equivalent', scale: 'auto', edges: 'correct', level: 0.95 }
    writeFileSync(join(folder, 'summary.json'), JSON.stringify({ version: 1, unit: 'px', options, scale, scopes }))
  }
  summary([1, 10, 100], 'log')
  await typed(root, '--measured', folder)
  summary([0, 10, 100], 'linear')
  await typed(root, '--measured', folder)
  for (const [edges, scale] of [
    [[0, 10, 100], 'log'],
    [[1, 1, 100], 'linear'],
    [[1, 100, 10], 'linear'],
  ] as const) {
    summary([...edges], scale)
    assert.match(await refused(root, '--measured', folder), 'was not written by `wgsam measure`')
  }
  // JSON.parse reads 1e999 as infinity
  summary([1, 10, 77], 'log')
  const path = join(folder, 'summary.json')
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('77', '1e999'))
  assert.match(await refused(root, '--measured', folder), 'was not written by `wgsam measure`')
})

const browser = await openBrowser()
test.after(() => browser?.close())

testInBrowser('in Chromium: no request, no error, nothing wider than a phone', async () => {
  const root = makeRun({ name: 'a-rather-long-name_of-a-run_with-many-words-and-no-space-in-it' })
  evaluationFile(join(root, 'eval.json'))
  await typed(root)
  const both = join(root, 'both.html')
  await typed(root, makeRun({ over: { lora: { rank: 8 } } }), '--out', both)
  for (const path of [join(root, 'report.html'), both])
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser!.newContext({ viewport: { width: 390, height: 800 }, colorScheme })
      const tab = await context.newPage()
      const faults: string[] = []
      tab.on('console', (message) => void faults.push(message.text()))
      tab.on('pageerror', (error) => void faults.push(String(error)))
      tab.on(
        'request',
        (request) =>
          void (request.url().startsWith('file:') || request.url().startsWith('data:') || faults.push(request.url())),
      )
      await tab.goto(`file://${path}`)
      assert.equal(faults, [])
      assert.is(await tab.evaluate('document.documentElement.scrollWidth'), 390)
      assert.ok((await tab.locator('svg').count()) > 8)
      assert.ok((await tab.locator('h1').boundingBox())!.height > 20)
      await context.close()
    }
})

test('what more images would give is in the report of runs that tell', async () => {
  const root = makeRun()
  const run = await readRunView(root, 'a run')
  const body = (plan: string | null) =>
    renderRunReport({ runs: [run], evaluations: [], measured: null, plan, command: null }).body
  assert.match(text(body('10 more images, 20: <better>')), 'More labelled images 10 more images, 20: &lt;better')
  assert.not.match(body(null), 'More labelled')
})

test.run()
