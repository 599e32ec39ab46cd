// Reads mutated files with every reader of the program, and checks that each is read or refused by a message that names the file.
// usage: npm run fuzz -- [--seconds N] [--seed S] [--reader NAME] [--mutations N] [--only INDEX] [--out FOLDER]
// Without --mutations the seconds (60) are divided among the readers. What fails is written to --out (fuzz-failures) with the
// command that repeats it. The oracles are in test/fuzz/fuzz.ts, the readers in test/fuzz/readers/.
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { wgsl } from './wgsl-plugin.mjs'

/** Seconds after which an input counts as one that never ends. */
const HANGS = 60
/** Memory of the process, in bytes, that is too much: the inputs have a few kilobytes. */
const MAX_MEMORY = 1.5 * 2 ** 30
/** Failures of one reader after which it is left. */
const MAX_FAILURES = 25

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    reader: { type: 'string', multiple: true },
    mutations: { type: 'string' },
    only: { type: 'string' },
    out: { type: 'string', default: 'fuzz-failures' },
  },
})
const numberOf = (name) => {
  const value = Number(values[name])
  if (values[name] !== undefined && !(Number.isSafeInteger(value) && value >= 0)) fail(`--${name} takes a whole number`)
  return value
}
const [seconds, seed, mutations, only] = ['seconds', 'seed', 'mutations', 'only'].map(numberOf)

function fail(message) {
  console.error(`fuzz: ${message}`)
  process.exit(1)
}

const outfile = `.cache/fuzz/${process.pid}.mjs`
await build({
  ...{ entryPoints: ['test/fuzz/main.ts'], outfile, bundle: true, format: 'esm', target: 'es2022', platform: 'node' },
  ...{ packages: 'external', sourcemap: 'inline', logLevel: 'warning', plugins: [wgsl()], loader: { '.py': 'text' } },
})
const scratch = mkdtempSync(join(tmpdir(), 'wgsam-fuzz-parent-'))
process.on('exit', () => {
  rmSync(scratch, { recursive: true, force: true })
  rmSync(outfile, { force: true })
})

/** Runs the process for a reader from one input on, until its end or until it must be ended. */
function session(order, line) {
  const progress = join(scratch, 'progress')
  writeFileSync(progress, '')
  return new Promise((resolve) => {
    const argument = order === 'list' ? order : { ...order, progress }
    const argv = ['--enable-source-maps', '--max-old-space-size=1200', outfile, JSON.stringify(argument)]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    let [text, errors, why] = ['', '', null]
    child.stdout.on('data', (chunk) => {
      text += chunk
      const lines = text.split('\n')
      text = lines.pop()
      for (const one of lines) line(JSON.parse(one))
    })
    child.stderr.on('data', (chunk) => (errors = (errors + chunk).slice(-4000)))
    const at = () => readFileSync(progress, 'utf8').trim()
    let [last, since] = ['', Date.now()]
    const timer = setInterval(() => {
      const now = at()
      if (now !== last) [last, since] = [now, Date.now()]
      if (now && Date.now() - since > 1000 * HANGS) why = `it does not end within ${HANGS} s`
      else if (memoryOf(child.pid) > MAX_MEMORY) why = `it takes more than ${MAX_MEMORY / 2 ** 30} GiB of memory`
      if (why) child.kill('SIGKILL')
    }, 100)
    child.on('close', (code, signal) => {
      clearInterval(timer)
      if (code === 0) return resolve(null)
      resolve({
        index: at() === '' ? null : Number(at()),
        problem: why ?? `the process died (${signal ?? code}): ${errors}`,
      })
    })
  })
}

/** Resident bytes of a process; 0 where the system does not say. */
function memoryOf(pid) {
  try {
    return 4096 * Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  } catch {
    return 0
  }
}

function report(reader, { index, problem, input }) {
  const again = `npm run fuzz -- --reader ${reader} --seed ${seed} --only ${index}`
  mkdirSync(values.out, { recursive: true })
  const path = join(values.out, `${reader}-${seed}-${index}`)
  if (input) writeFileSync(`${path}.bin`, Buffer.from(input, 'base64'))
  writeFileSync(`${path}.txt`, `${problem}\n\n${again}\n`)
  console.log(`FAIL ${reader} ${index}: ${problem.split('\n').slice(0, 3).join(' | ').slice(0, 300)}\n     ${again}`)
}

async function fuzz(reader, milliseconds) {
  const sum = { inputs: 0, accepted: 0, slowest: 0, failures: 0 }
  let from = Number.isNaN(only) ? 0 : only
  const to = Number.isNaN(only) ? (Number.isNaN(mutations) ? Number.MAX_SAFE_INTEGER : mutations) : only + 1
  const end = Date.now() + milliseconds
  while (from < to && sum.failures < MAX_FAILURES) {
    const left = Number.isNaN(mutations) ? end - Date.now() : 1e9
    if (left <= 0) break
    let next = to
    const died = await session({ reader, seed, from, to, milliseconds: left }, (line) => {
      if (line.done === undefined) {
        sum.failures++
        return report(reader, line)
      }
      next = line.done
      sum.inputs += line.inputs
      sum.accepted += line.accepted
      sum.slowest = Math.max(sum.slowest, line.slowest)
    })
    if (died && died.index === null) {
      console.log(`FAIL ${reader} refuses its own seeds: ${died.problem}`)
      return { ...sum, failures: sum.failures + 1 }
    }
    if (died) {
      sum.failures++
      sum.inputs += died.index + 1 - from
      report(reader, died)
    }
    from = died ? died.index + 1 : next
    if (!died && !Number.isNaN(left) && next < to) break
  }
  return sum
}

const names = []
await session('list', (line) => names.push(...line)).catch(() => {})
const chosen = values.reader ?? names
const unknown = chosen.find((name) => !names.includes(name))
if (unknown) fail(`there is no reader ${unknown}: ${names.join(', ')}`)
const began = Date.now()
const total = { inputs: 0, failures: 0 }
for (const name of chosen) {
  const sum = await fuzz(name, (1000 * seconds) / chosen.length)
  total.inputs += sum.inputs
  total.failures += sum.failures
  const share = `${String(sum.inputs).padStart(8)} inputs, ${String(sum.accepted).padStart(7)} read`
  console.log(`${name.padEnd(20)} ${share}, slowest ${sum.slowest.toFixed(2)} s, ${sum.failures} failures`)
}
console.log(
  `${total.inputs} mutated files of ${chosen.length} readers in ${((Date.now() - began) / 1000).toFixed(0)} s, seed ${seed}: ${total.failures} failures`,
)
process.exitCode = total.failures ? 1 : 0
