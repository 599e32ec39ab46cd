// Kills a training run with SIGKILL at random moments, resumes it each time, and compares the end result with that of the
// same run without kills: adapters, optimiser state and records must have the same bits. Needs `npm run build`.
// usage: node scripts/kill-test.mjs [--kills 20] [--seed 1] [--folder DIR] [--cli dist/cli.js] [-- options of wgsam train]
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const rest = process.argv.indexOf('--')
const { values } = parseArgs({
  args: process.argv.slice(2, rest < 0 ? undefined : rest),
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string' },
    cli: { type: 'string', default: 'dist/cli.js' },
  },
})
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'wgsam-kill-'))
const data = join(folder, 'data')
const toy = [
  ...['--model', 'golden/files/toy_tiny_vit.pth', '--model-config', 'golden/files/toy_tiny_vit.json', '--size', '80'],
  ...[
    '--batch',
    '2',
    '--epochs',
    '60',
    '--rank',
    '8',
    '--lr',
    '5e-3',
    '--prompts',
    '4',
    '--val-every',
    '2',
    '--seed',
    '7',
  ],
]
const options = ['--data', data, '--save-every', '1', ...(rest < 0 ? toy : process.argv.slice(rest + 1))]

/** Random numbers from the seed (mulberry32), so that a failure can be reproduced. */
let state = Number(values.seed)
const random = () => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

const cli = (...argv) => ['--enable-source-maps', values.cli, ...argv]
const must = (argv) => {
  const { status } = spawnSync(process.execPath, cli(...argv), { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`wgsam ${argv[0]} ended with code ${status}`)
}
/** Resumes a run, or starts it if it has no checkpoint yet. Kills it after `ms` milliseconds unless it ends before. */
function session(run, ms) {
  const begun = existsSync(join(run, 'last', 'checkpoint.safetensors'))
  const argv = begun ? ['train', '--resume', run] : ['train', '--out', run, ...options]
  return new Promise((resolve) => {
    const child = spawn(process.execPath, cli(...argv), { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (text) => (said += text))
    const timer = setTimeout(() => child.kill('SIGKILL'), ms)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (!signal && code !== 0) console.error(said)
      resolve(signal ?? code)
    })
  })
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
/** Hashes of all results of a run, without times. */
function fingerprint(run) {
  const marks = {}
  for (const which of ['last', 'best']) {
    const adapter = join(run, which, 'adapter_model.safetensors')
    if (!existsSync(adapter)) continue
    marks[`${which} adapter`] = sha256(readFileSync(adapter))
    const file = readFileSync(join(run, which, 'checkpoint.safetensors'))
    const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString())
    marks[`${which} parameters and moments`] = header.__metadata__.sha256
    const progress = JSON.parse(header.__metadata__.wgsam)
    marks[`${which} state`] = sha256(JSON.stringify({ ...progress, seconds: 0 }))
  }
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n')
  const records = lines.map((line) => ({ ...JSON.parse(line), time: 0 }))
  marks[`${records.length} records`] = sha256(JSON.stringify(records))
  return marks
}

if (!existsSync(data))
  must(['synth', '--out', data, '--count', '10', '--seed', '5', '--size', '96', '--particles', '4,9'])
const whole = join(folder, 'whole')
const killed = join(folder, 'killed')
const began = Date.now()
if ((await session(whole, 1e9)) !== 0) throw new Error('the run without kills failed')
const took = Date.now() - began
console.log(`the run without kills took ${(took / 1000).toFixed(1)} s`)

const kills = Number(values.kills)
let done = 0
for (let sessions = 0; ; sessions++) {
  if (sessions > 20 * kills) throw new Error('the killed run makes no progress')
  // random moments; on average one falls a bit after the share of a session in the whole run
  const ms = done < kills ? Math.round(200 + random() * (1500 + (2 * took) / kills)) : 1e9
  const ended = await session(killed, ms)
  if (ended === 'SIGKILL') console.log(`kill ${++done} of ${kills} after ${ms} ms`)
  else if (ended === 0) break
  else throw new Error(`a resumed session ended with ${ended}`)
}
if (done < kills) throw new Error(`the run ended after ${done} kills: use more --epochs`)

const [a, b] = [fingerprint(whole), fingerprint(killed)]
const wrong = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => a[key] !== b[key])
for (const [key, value] of Object.entries(a))
  console.log(`${wrong.includes(key) ? 'DIFFERS' : 'same   '} ${key}: ${value.slice(0, 16)}`)
console.log(
  wrong.length
    ? `after ${done} kills the run ended with different results: ${wrong.join(', ')}`
    : `after ${done} kills: the same bits`,
)
process.exitCode = wrong.length ? 1 : 0
