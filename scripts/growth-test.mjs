// Trains a toy model for many steps and checks that the memory of the process does not grow; on a software adapter that
// includes the GPU's memory. Validation and checkpoints are part of the run. Needs `npm run build`; reads /proc, so Linux only.
// usage: node scripts/growth-test.mjs [--steps 10000] [--most 16] [--folder DIR] [--cli dist/cli.js] [-- options of wgsam train]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const rest = process.argv.indexOf('--')
const { values } = parseArgs({
  args: process.argv.slice(2, rest < 0 ? undefined : rest),
  options: {
    steps: { type: 'string', default: '10000' },
    /** Maximum growth in MiB from the first part of the run (after warming up) to the second. */
    most: { type: 'string', default: '16' },
    folder: { type: 'string' },
    cli: { type: 'string', default: 'dist/cli.js' },
  },
})
const steps = Number(values.steps)
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'wgsam-growth-'))
const data = join(folder, 'data')
const run = join(folder, 'run')
const toy =
  '--model golden/files/toy_tiny_vit.pth --model-config golden/files/toy_tiny_vit.json --size 48 --batch 1 --prompts 2 ' +
  '--rank 4 --save-every 20 --val-images 1 --memory 1GiB'
const cli = (...argv) => ['--enable-source-maps', values.cli, ...argv]

const made = spawnSync(process.execPath, cli('synth', '--out', data, '--count', '20', '--size', '64', '--seed', '5'))
if (made.status !== 0) throw new Error(`wgsam synth ended with code ${made.status}: ${made.stderr}`)
const options = rest < 0 ? toy.split(' ') : process.argv.slice(rest + 1)
const every = String(Math.max(1, Math.round(steps / 14 / 20)))
const fixed = ['--data', data, '--out', run, '--max-steps', String(steps), '--epochs', '1000000', '--val-every', every]
const child = spawn(process.execPath, cli('train', ...fixed, ...options), { stdio: ['ignore', 'ignore', 'pipe'] })
let errors = ''
child.stderr.on('data', (text) => (errors = (errors + text).slice(-4000)))
const ended = new Promise((resolve) => child.on('exit', resolve))
let code
void ended.then((c) => (code = c))

/** The last recorded step. */
const stepNow = () => {
  const path = join(run, 'metrics.jsonl')
  if (!existsSync(path)) return 0
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const record = lines.findLast((line) => line.startsWith('{"kind":"step"'))
  return record ? Number(/"step":(\d+)/.exec(record)[1]) : 0
}
const resident = () =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? NaN) / 1024

const samples = []
let nextReport = 0
while (code === undefined) {
  await sleep(500)
  if (code !== undefined) break
  let mib
  try {
    mib = resident()
  } catch {
    break
  }
  if (!(mib > 0)) break
  const step = stepNow()
  samples.push({ step, mib })
  if (step >= nextReport) {
    console.log(`step ${String(step).padStart(6)}  ${mib.toFixed(1)} MiB`)
    nextReport = step + steps / 20
  }
}
if ((await ended) !== 0) throw new Error(`wgsam train ended with code ${code}:\n${errors}`)
const median = (from, to) => {
  const part = samples.filter(({ step }) => step >= from * steps && step < to * steps).map(({ mib }) => mib)
  if (part.length < 3) throw new Error('too few samples: use more --steps')
  return part.sort((a, b) => a - b)[Math.floor(part.length / 2)]
}
const [before, after] = [median(0.2, 0.6), median(0.6, 1.01)]
const verdict = `${steps} steps: median ${before.toFixed(1)} MiB from a fifth to three fifths, ${after.toFixed(1)} MiB after`
if (after - before > Number(values.most)) throw new Error(`memory grows: ${verdict}`)
console.log(`memory does not grow: ${verdict}`)
