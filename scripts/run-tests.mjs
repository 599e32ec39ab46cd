// Runs each bundled test file in a separate process, two at once; a crash, a hang or a file that ran no test counts as failed.
// usage: node scripts/run-tests.mjs [part of a file name ...]
// WGSAM_TEST_JOBS=N: how many files run at once. WGSAM_TEST_LIMIT_S=N: the longest time of a file, in seconds.
// The last line reads `N passed, N failed, N skipped`. Above it are the skipped tests with their reasons, and the slowest files.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const root = 'dist/test'
const wanted = process.argv.slice(2)
const limit = Number(process.env.WGSAM_TEST_LIMIT_S ?? 900) * 1000
// a file keeps about 0.8 of a core busy, also on a software adapter; more than two at once would need the memory of a large GPU
const jobs = Math.max(1, Number(process.env.WGSAM_TEST_JOBS ?? Math.min(2, availableParallelism())))
const SLOWEST = 25
const all = existsSync(root) ? readdirSync(root, { recursive: true }).filter((f) => f.endsWith('.test.js')) : []
const files = all.filter((f) => !wanted.length || wanted.some((w) => f.includes(w))).sort()
if (!files.length) {
  console.error(`no test file in ${root} matches ${wanted.join(', ') || 'anything'}: run \`npm run build\` first`)
  console.log('0 passed, 1 failed, 0 skipped')
  process.exit(1)
}

/** Reads the counts that uvu prints, and the skipped tests that test/support/needs.ts prints. */
function readResult(text, code) {
  // uvu's summary is the last thing that a file prints
  const count = (word) => Number([...text.matchAll(new RegExp(`^ +${word}: +(\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0)
  const [total, passed, skipped] = [count('Total'), count('Passed'), count('Skipped')]
  // a process that fails without a failed test (a crash after the last one, an import error) is one failure more
  const crashed = total === passed && (code !== 0 || total + skipped === 0)
  const reasons = [...text.matchAll(/^skipped: (.*)$/gm)].map(([, reason]) => reason)
  return { passed, failed: total - passed + (crashed ? 1 : 0), skipped, reasons }
}

function run(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [`${root}/${file}`], { stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => (text += d))
    const timer = setTimeout(() => {
      text += `\nstopped after ${limit / 1000} s\n`
      child.kill('SIGKILL')
    }, limit)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ ...readResult(text, code), text, exit: signal ?? code })
    })
  })
}

const sum = { passed: 0, failed: 0, skipped: 0 }
const skipped = []
const times = []

async function runAndReport(file) {
  const start = Date.now()
  const result = await run(file)
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  times.push({ file, seconds })
  for (const key of Object.keys(sum)) sum[key] += result[key]
  for (let i = 0; i < result.skipped; i++) skipped.push(`${file}: ${result.reasons[i] ?? 'no reason was printed'}`)
  const more = result.skipped ? `, ${result.skipped} skipped` : ''
  const counts = `${result.passed} passed, ${result.failed} failed${more}`
  console.log(`${result.failed ? 'FAIL' : 'ok  '} ${file.padEnd(52)} ${counts} in ${seconds} s`)
  if (result.failed) console.log(result.text.replace(/^/gm, '     '), `\n     exit: ${result.exit}`)
}

/** Takes the next file until none is left. */
async function work(queue) {
  for (let file = queue.shift(); file; file = queue.shift()) await runAndReport(file)
}

const queue = [...files]
await Promise.all(Array.from({ length: jobs }, () => work(queue)))

const slowest = times.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)
if (files.length > SLOWEST)
  console.log(['\nslowest:', ...slowest.map(({ file, seconds }) => `${seconds.padStart(6)} s ${file}`)].join('\n  '))
if (skipped.length) console.log(['\nskipped:', ...skipped.sort()].join('\n  '))
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed ? 1 : 0
