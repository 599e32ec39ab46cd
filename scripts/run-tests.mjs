// Runs every bundled test file in a process of its own; a crash, a hang or a file that ran nothing counts as failed.
// usage: node scripts/run-tests.mjs [part of a file name ...]      The last line reads `N passed, N failed`.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

const root = 'dist/test'
const wanted = process.argv.slice(2)
const limit = Number(process.env.WGSAM_TEST_LIMIT_S ?? 900) * 1000
const all = existsSync(root) ? readdirSync(root, { recursive: true }).filter((f) => f.endsWith('.test.js')) : []
const files = all.filter((f) => !wanted.length || wanted.some((w) => f.includes(w))).sort()
if (!files.length) {
  console.error(`no test file in ${root} matches ${wanted.join(', ') || 'anything'}: run \`npm run build\` first`)
  console.log('0 passed, 1 failed')
  process.exit(1)
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
      const count = (word) => Number(new RegExp(`${word}:\\s+(\\d+)`).exec(text)?.[1] ?? 0)
      const total = count('Total')
      const passed = count('Passed')
      // a process that fails without a failed test (a crash after the last one, an import error) is one failure more
      const failed = total - passed + (total === passed && (code !== 0 || total === 0) ? 1 : 0)
      resolve({ passed, failed, text, how: signal ?? code })
    })
  })
}

let passed = 0
let failed = 0
for (const file of files) {
  const start = Date.now()
  const result = await run(file)
  passed += result.passed
  failed += result.failed
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  console.log(
    `${result.failed ? 'FAIL' : 'ok  '} ${file.padEnd(44)} ${result.passed} passed, ${result.failed} failed in ${seconds} s`,
  )
  if (result.failed) console.log(result.text.replace(/^/gm, '     '), `\n     exit: ${result.how}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
