// Runs every bundled test file in a process of its own; a crash, a hang or a file that ran nothing counts as failed.
// usage: node scripts/run-tests.mjs [part of a file name ...]
// The last line reads `N passed, N failed, N skipped`; what was skipped is listed above it with the reason.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

const root = 'dist/test'
const wanted = process.argv.slice(2)
const limit = Number(process.env.WGSAM_TEST_LIMIT_S ?? 900) * 1000
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
for (const file of files) {
  const start = Date.now()
  const result = await run(file)
  for (const key of Object.keys(sum)) sum[key] += result[key]
  for (let i = 0; i < result.skipped; i++) skipped.push(`${file}: ${result.reasons[i] ?? 'no reason was printed'}`)
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  const more = result.skipped ? `, ${result.skipped} skipped` : ''
  const counts = `${result.passed} passed, ${result.failed} failed${more}`
  console.log(`${result.failed ? 'FAIL' : 'ok  '} ${file.padEnd(52)} ${counts} in ${seconds} s`)
  if (result.failed) console.log(result.text.replace(/^/gm, '     '), `\n     exit: ${result.exit}`)
}
if (skipped.length) console.log(['\nskipped:', ...skipped].join('\n  '))
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed ? 1 : 0
