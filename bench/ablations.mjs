/**
 * @file Runs the ablations of bench/recipes side by side within a given time, and writes their tables on one page. Each file there is a
 * grid of `wgsam ablate`; base.json is the configuration that they vary. Needs `npm run build`.
 *
 * usage: node bench/ablations.mjs --out DIR [--minutes 60] [--jobs 6] [--only rank,boundary] [--foreign DIR]… -- options of wgsam ablate
 *        node bench/ablations.mjs --out ablations --foreign metal -- --data particles --group-by column:sample
 *
 * When the time is up, runs save and end; the same command continues. --foreign measures every finished cell on images of another
 * source too. Its exit code is 0 if all is done, 130 if the time was not enough, 1 if an ablation failed.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** The rows that say most come first, because the time may not be enough for all. */
const ORDER = [
  'seeds',
  'rank',
  'targets',
  'boundary',
  'synthetic',
  'decay',
  'head',
  'average',
  'magnification',
  'images',
]
const TITLES = {
  seeds: 'The recipe itself, by seeds',
  rank: 'Rank and learning rate',
  targets: 'Which matrices are adapted',
  boundary: 'Weight of pixels on outlines',
  synthetic: 'Share of synthetic scenes',
  decay: 'Weight decay towards the base model',
  head: 'Weight of the prompt head',
  average: 'Moving average of the parameters',
  magnification: 'Magnifications in training',
  images: 'Number of labelled images',
}
const here = fileURLToPath(new URL('.', import.meta.url))
const cli = join(here, '../dist/cli.js')

const end = process.argv.indexOf('--')
const given = end < 0 ? [] : process.argv.slice(end + 1)
const { values } = parseArgs({
  args: process.argv.slice(2, end < 0 ? undefined : end),
  options: {
    out: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    jobs: { type: 'string', default: '6' },
    only: { type: 'string' },
    foreign: { type: 'string', multiple: true, default: [] },
    recipes: { type: 'string', default: join(here, 'recipes') },
  },
})
const [minutes, jobs] = [Number(values.minutes), Number(values.jobs)]
const { out, recipes, foreign } = values
const known = readdirSync(recipes)
  .filter((file) => file.endsWith('.json') && file !== 'base.json')
  .map((file) => basename(file, '.json'))
  .sort((a, b) => place(a) - place(b))
const names = values.only ? values.only.split(',') : known
const unknown = names.filter((name) => !known.includes(name))
if (!out || end < 0)
  fail('usage: node bench/ablations.mjs --out DIR [--minutes N] [--jobs N] [--only NAMES] -- --data DIR …')
if (!(minutes > 0) || !(jobs >= 1)) fail('--minutes and --jobs take numbers above 0')
if (unknown.length) fail(`no recipe ${unknown.join(', ')}; there are ${known.join(', ')}`)
if (!existsSync(cli)) fail('dist/cli.js is missing: run npm run build first')

mkdirSync(out, { recursive: true })
const until = performance.now() + 60_000 * minutes
/** Exit codes of the ablations that ran. */
const codes = new Map()
const running = new Set()
const timer = setTimeout(stop, 60_000 * minutes)
process.on('SIGINT', stop)

const waiting = [...names]
await Promise.all(Array.from({ length: Math.min(jobs, names.length) }, work))
clearTimeout(timer)
writePage()
const left = names.filter((name) => codes.get(name) !== 0)
const failed = left.filter((name) => codes.has(name) && codes.get(name) !== 130)
if (failed.length)
  console.error(`failed: ${failed.join(', ')}; see ${failed.map((name) => join(out, name, 'log.txt')).join(', ')}`)
else if (left.length) console.log(`not done: ${left.join(', ')}; the same command continues`)
console.log(`tables: ${join(out, 'ablations.md')}`)
process.exitCode = failed.length ? 1 : left.length ? 130 : 0

function place(name) {
  const at = ORDER.indexOf(name)
  return at < 0 ? ORDER.length : at
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

function stop() {
  waiting.length = 0
  for (const child of running) child.kill('SIGINT')
}

/** Runs one ablation after the other. */
async function work() {
  for (let name = waiting.shift(); name; name = waiting.shift()) {
    const folder = join(out, name)
    mkdirSync(folder, { recursive: true })
    const grid = ['--grid', join(recipes, `${name}.json`), '--config', join(recipes, 'base.json')]
    console.log(`${name}: begins`)
    let code = await run(['ablate', ...grid, '--out', folder, ...given], join(folder, 'log.txt'))
    for (const [i, data] of foreign.entries())
      if (code === 0 && performance.now() < until) code = await measure(folder, data, i)
    codes.set(name, code)
    console.log(`${name}: ${code === 0 ? 'done' : code === 130 ? 'stopped' : `failed with exit code ${code}`}`)
    writePage()
  }
}

/** Measures the adapters of all cells on other images. */
function measure(folder, data, i) {
  const file = join(folder, `foreign-${i + 1}`)
  if (existsSync(`${file}.json`)) return 0
  const cells = readdirSync(join(folder, 'cells')).sort()
  const adapters = cells.flatMap((cell) => {
    const best = join(folder, 'cells', cell, 'best')
    return ['--adapter', existsSync(best) ? best : join(folder, 'cells', cell, 'last')]
  })
  const options = ['--data', data, '--split', 'all', '--rivals', 'base', '--out', `${file}.json`, ...adapters]
  return run(['eval', ...options, ...modelOptions()], `${file}.log`, `${file}.txt`)
}

/** The model of a checkpoint that has no name needs its configuration here too. */
function modelOptions() {
  const at = given.indexOf('--model-config')
  return at < 0 ? [] : ['--model', given[given.indexOf('--model') + 1], '--model-config', given[at + 1]]
}

function run(args, log, output) {
  return new Promise((resolve) => {
    const file = openSync(log, 'w')
    const stdout = output ? openSync(output, 'w') : file
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', stdout, file] })
    running.add(child)
    child.on('close', (code, signal) => {
      running.delete(child)
      for (const opened of new Set([file, stdout])) closeSync(opened)
      // a process that has not yet begun to listen ends by the signal itself
      resolve(signal === 'SIGINT' ? 130 : (code ?? 1))
    })
  })
}

/** All tables so far on one page. */
function writePage() {
  const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : '')
  const parts = names.flatMap((name) => {
    const table = read(join(out, name, 'ablation.md'))
    if (!table) return []
    const others = foreign.flatMap((data, i) => {
      const text = existsSync(join(out, name, `foreign-${i + 1}.json`))
        ? read(join(out, name, `foreign-${i + 1}.txt`))
        : ''
      return text ? [`On ${data}:`, `\`\`\`\n${text}\n\`\`\``] : []
    })
    return [`## ${TITLES[name] ?? name}`, table, ...others]
  })
  writeFileSync(join(out, 'ablations.md'), `${['# Ablations', ...parts].join('\n\n')}\n`)
}
