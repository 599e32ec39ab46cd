// What `npm run demo` and `npm test` run: installs the packages, builds, finds or installs a WebGPU adapter and, for the
// tests, the tools that they need; then runs the demo or the tests. On a machine that has all this it only builds.
// WGSAM_NO_INSTALL=1: nothing is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installMesa } from './mesa.mjs'
import { installTestTools } from './test-tools.mjs'

const goals = { test: 'scripts/run-tests.mjs', demo: 'dist/cli.js' }
const [goal, ...rest] = process.argv.slice(2)
if (!Object.hasOwn(goals, goal)) {
  console.error('usage: node scripts/setup.mjs demo|test [arguments]')
  process.exit(1)
}
process.chdir(resolve(dirname(fileURLToPath(import.meta.url)), '..'))
const mayInstall = process.env.WGSAM_NO_INSTALL !== '1'

/** Runs a command with its output on stderr: stdout is the demo's or the tests' alone. */
function step(what, program, ...args) {
  console.error(`wgsam: ${what}`)
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) fail(`${what}: \`${[program, ...args].join(' ')}\` failed${error ? `: ${error.message}` : ''}`)
}

function fail(message) {
  console.error(`wgsam: ${message}`)
  if (goal === 'test') console.log('0 passed, 1 failed, 0 skipped')
  process.exit(1)
}

function packages() {
  const installed = 'node_modules/.package-lock.json'
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs) return
  if (!mayInstall) fail('the packages are not installed, and WGSAM_NO_INSTALL=1 forbids it: run `npm ci`')
  // no package here needs its install script (on macOS webgpu's only lifts the quarantine of a downloaded file)
  step('installing the packages', 'npm', 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund')
}

function doctor(...args) {
  const child = spawnSync(process.execPath, ['dist/cli.js', 'doctor', '--json', ...args], { encoding: 'utf8' })
  try {
    return JSON.parse(child.stdout)
  } catch {
    fail(`\`wgsam doctor\` failed (${child.signal ?? child.status}):\n${child.stderr}`)
  }
}

/** Finds a WebGPU adapter: the machine's own, else Mesa's software adapter from apt, else SwiftShader in the cache folder. */
function adapter() {
  let report = doctor()
  if (!report.adapter && mayInstall && process.platform === 'linux') {
    if (report.advice.length) console.error(['wgsam: no WebGPU adapter answers here', ...report.advice].join('\n  - '))
    console.error('wgsam: installing a software adapter')
    try {
      console.error(`wgsam: ${installMesa(report.system.os)}`)
      report = doctor()
    } catch (error) {
      console.error(`wgsam: not through apt: ${error.message}`)
    }
    if (!report.adapter) report = doctor('--install')
  }
  if (!report.usable) {
    const hint = mayInstall ? [] : ['WGSAM_NO_INSTALL=1 forbids installing a software adapter']
    fail(['this machine cannot run wgsam:', ...report.problems, ...hint, ...report.advice].join('\n  - '))
  }
  console.error(`wgsam: running on ${report.adapter.name}`)
}

packages()
step('building', process.execPath, 'build.mjs')
adapter()
if (goal === 'test' && mayInstall) installTestTools()
const args = [goals[goal], ...(goal === 'demo' ? ['demo'] : []), ...rest]
const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' })
if (signal) console.error(`wgsam: ended by ${signal}`)
process.exitCode = status ?? 1
