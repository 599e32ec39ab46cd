/**
 * @file Training by several ranks, with both families of MPI: `wgsam train` on a toy model under mpirun. The program is dist/cli.js, as a
 * user starts it.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../../src/commands/train'
import { readRunView } from '../../../src/report/run/read-run'
import { stateOf } from '../../../src/report/run/run-report'
import { readMetrics } from '../../../src/tracking/metrics-file'
import { readCheckpoint } from '../../../src/training/checkpoint-file'
import { checkShares, commonShare, describeShares, shareOf } from '../../../src/training/rank-share'
import { type Launcher, rankProcesses, type RankRun, startRanks, testRanks } from '../../support/mpi'
import { relativeError } from '../../support/random'
import { fingerprint, toyConfig, toyData } from '../../support/toy-training'

const folder = mkdtempSync(join(tmpdir(), 'wgsam-ranks-'))
const data = await toyData(join(folder, 'data'), 6)
const CLI = join('dist', 'cli.js')

/** The arguments that begin a run of a few steps of six images, which 1, 2 and 3 ranks can share. */
function beginning(name: string, maxSteps: number): string[] {
  const config = toyConfig(data, { batch: 6, maxSteps, epochs: 1000, checkpoint: { steps: 1 }, seed: 3 })
  const path = join(folder, `${name}.json`)
  writeFileSync(path, JSON.stringify(config))
  return ['train', '--config', path, '--out', join(folder, name)]
}

const start = (launcher: Launcher, n: number, args: string[], env: Record<string, string> = {}) =>
  startRanks(launcher, n, [CLI, ...args], env)

async function finished({ ended }: RankRun, expected = 0) {
  const { code, stdout, stderr } = await ended
  assert.is(code, expected, stderr)
  return { stdout, stderr }
}

/** Resolves when a run has reached a step. */
async function reaches(run: RankRun, name: string, step: number) {
  let over = false
  void run.ended.then(() => (over = true))
  while (!over) {
    const metrics = await readMetrics(join(folder, name, 'metrics.jsonl')).catch(() => [])
    if (metrics.some((record) => record.kind === 'step' && record.step >= step)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the run ended before step ${step}: ${run.output.stderr}`)
}

const values = async (name: string) =>
  (await readCheckpoint(join(folder, name, 'last'))).parameters.flatMap(({ values }) => [...values])
const losses = async (name: string) =>
  (await readMetrics(join(folder, name, 'metrics.jsonl'))).flatMap((one) => (one.kind === 'step' ? [one.loss] : []))

/** The same run by one rank, which the runs of both launchers are compared with, and the first of theirs. */
let alone: Promise<unknown> | undefined
let first: string | undefined

testRanks('2 ranks learn what one learns with the same steps, with the same bits each time', async (launcher) => {
  const name = `${launcher}-two`
  await (alone ??= finished(start(launcher, 1, beginning('one', 3))))
  const { stderr } = await finished(start(launcher, 2, beginning(name, 3)))
  const [one, two] = [await losses('one'), await losses(name)]
  assert.is(two.length, 3)
  two.forEach((loss, i) => assert.ok(Math.abs(loss / one[i] - 1) < 1e-5, `${loss} and ${one[i]}`))
  const error = relativeError(await values(name), await values('one'))
  assert.ok(error < 1e-4, `relative error ${error}`)
  if (!first) {
    first = `${name}-again`
    await finished(start(launcher, 2, beginning(first, 3)))
  }
  // the second launcher's ranks must have the bits of the first one's
  assert.equal(await fingerprint(join(folder, name)), await fingerprint(join(folder, first)))
  assert.match(stderr, /2 ranks train together, each on 3 of the 6 images/)
  assert.match(stderr, /communication of 2 ranks: .* to exchange gradients, of which rank 0 sent/)
  // only one rank prints and validates what is printed
  assert.is(stderr.match(/the base model:/g)?.length, 1)
})

testRanks('SIGUSR1 saves, and 3 ranks continue what 2 began', async (launcher) => {
  const name = `${launcher}-resumed`
  const run = start(launcher, 2, beginning(name, 5))
  await reaches(run, name, 1)
  run.child.kill('SIGUSR1')
  const { stderr } = await run.ended
  assert.match(stderr, /stopping when all ranks have finished this step/)
  const { progress } = await readCheckpoint(join(folder, name, 'last'))
  assert.ok(progress.step >= 1 && progress.step < 5, `step ${progress.step}`)
  assert.is(progress.ranks, 2)
  const rest = await finished(start(launcher, 3, ['train', '--resume', join(folder, name)]))
  assert.match(rest.stderr, /has used 2 ranks so far, and now 3/)
  assert.is((await readCheckpoint(join(folder, name, 'last'))).progress.step, 5)
  assert.is((await losses(name)).length, 5)
})

testRanks('SIGTERM and Ctrl-C of the launcher save', async (launcher) => {
  // Open MPI's mpirun waits so long, in seconds, before each of the signals by which it ends its ranks
  const env = { OMPI_MCA_odls_base_sigkill_timeout: '4' }
  const runs = (['SIGTERM', 'SIGINT'] as const).map(async (signal) => {
    const name = `${launcher}-${signal}`
    const run = start(launcher, 2, beginning(name, 500), env)
    await reaches(run, name, 2)
    run.child.kill(signal)
    const { stderr } = await run.ended
    assert.is(stderr.match(/stopping when all ranks have finished this step/g)?.length, 1, stderr)
    assert.match(stderr, /ended before step 500/)
    assert.not.match(stderr, /the job has ended before the run/)
    const { progress } = await readCheckpoint(join(folder, name, 'last'))
    assert.is(progress.step, (await losses(name)).length)
  })
  await Promise.all(runs)
})

testRanks('a rank that is killed ends the others, and the saved step is named', async (launcher) => {
  const runs = [0, 1].map(async (victim) => {
    const name = `${launcher}-killed-${victim}`
    const root = join(folder, name)
    const run = start(launcher, 2, beginning(name, 500))
    await reaches(run, name, 2)
    const { pid } = JSON.parse(readFileSync(join(root, 'lock'), 'utf8'))
    const ranks = rankProcesses(run.child.pid!, 'train').filter((child) => (child === pid) === (victim === 0))
    assert.ok(ranks.length, 'the rank was not found')
    for (const child of ranks) process.kill(child, 'SIGKILL')
    const { code } = await run.ended
    assert.is.not(code, 0)
    const { progress } = await readCheckpoint(join(root, 'last'))
    assert.ok(progress.step >= 1)
    // a launcher may end before it has forwarded what is printed after the death of a rank, so the message is in a file too
    const message = join(root, 'killed.txt')
    const left = await until(() => (existsSync(message) ? readFileSync(message, 'utf8') : null), message)
    const named = /^the job has ended before the run\. The checkpoint of step (\d+) in /.exec(left)
    // a rank may be killed between saving a step and naming it
    assert.ok([progress.step - 1, progress.step].includes(Number(named?.[1])), `${left}, not ${progress.step}`)
    assert.match(left, `wgsam train --resume ${root}`)
    // the system may still be ending a killed process
    const state = await until(async () => {
      const text = stateOf(await readRunView(root, name))
      return text.endsWith('running') ? null : text
    }, 'the end of rank 0')
    assert.match(state, /^interrupted after \d+ of 500 steps/)
    // records are written before the checkpoint
    const recorded = (await losses(name)).length
    if (recorded > progress.step) assert.match(state, `from step ${progress.step}, the last that is saved`)
  })
  await Promise.all(runs)
})

testRanks('a full disk at one rank, and an image that only the other cannot read, end both', async (launcher) => {
  const fail = (rank: number, path: string, code: string, after = 0) => {
    const name = `${launcher}-${code}`
    const preload = `--import=${pathToFileURL(join('test', 'support', 'fail-on-file.mjs'))}`
    const env = {
      FAIL_RANK: `${rank}`,
      FAIL_PATH: path,
      FAIL_CODE: code,
      FAIL_AFTER: `${after}`,
      NODE_OPTIONS: preload,
    }
    return start(launcher, 2, beginning(name, 500), env).ended
  }
  const image = readdirSync(join(data, 'images'))[1]
  const [full, unreadable] = await Promise.all([
    // rank 0 has written two checkpoints then
    fail(0, `${launcher}-ENOSPC/last/checkpoint.safetensors`, 'ENOSPC', 3),
    fail(1, `images/${image}`, 'EACCES'),
  ])
  assert.is(full.code, 1, full.stderr)
  assert.match(full.stderr, /wgsam: [^\n]*checkpoint\.safetensors[^\n]*: no space is left on the disk/)
  assert.is(unreadable.code, 1, unreadable.stderr)
  assert.match(unreadable.stderr, new RegExp(`wgsam: rank 1 of 2: [^\\n]*${image}: permission is denied`))
  for (const { stderr } of [full, unreadable]) {
    assert.is(stderr.match(/^wgsam: /gm)?.length, 1, stderr)
    assert.not.match(stderr, /\n {4}at /)
    assert.match(stderr, /^The checkpoint of step \d+ in .* is good: `wgsam train --resume/m)
  }
})

/** What `look` returns, as soon as that is not null. */
async function until<T>(look: () => T | null | Promise<T | null>, what: string): Promise<T> {
  for (const began = Date.now(); Date.now() - began < 30_000; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await look()
    if (found !== null) return found
  }
  throw new Error(`${what} has not come`)
}

testRanks('options that are wrong, and too many ranks, are said once', async (launcher) => {
  const wrong = await start(launcher, 2, [...beginning(`${launcher}-wrong`, 2), '--alpha', '-1']).ended
  assert.is.not(wrong.code, 0)
  assert.is(wrong.stderr.match(/must be a number above 0/g)?.length, 1, wrong.stderr)
})

test('tasks that cannot talk with one another do not train', async () => {
  const env = { SLURM_STEP_ID: '0', SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4' }
  Object.assign(process.env, env)
  try {
    await command.run({ data: ['particles'] }, [])
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, /srun has started 4 tasks [^]*srun --mpi=pmix/, String(error))
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
  }
})

test('the images of a step are divided as equally as can be', () => {
  const parts = (count: number, size: number) =>
    Array.from({ length: size }, (_, rank) => shareOf(count, { rank, size }))
  assert.equal(parts(6, 3), [
    [0, 2],
    [2, 4],
    [4, 6],
  ])
  assert.equal(parts(8, 3), [
    [0, 2],
    [2, 5],
    [5, 8],
  ])
  assert.equal(parts(2, 3), [
    [0, 0],
    [0, 1],
    [1, 2],
  ])
  assert.is(commonShare({ batch: 8 }, 2), 4)
  assert.is(commonShare({ batch: 8 }, 3), 1)
  assert.match(
    describeShares({ batch: 8 }, 3),
    /each on 2 or 3 of the 8 images of a step; a --batch that is a multiple of 3/,
  )
  assert.throws(() => checkShares({ batch: 8 }, 9), /8 images cannot be divided among 9 ranks.*--batch 9/)
  checkShares({ batch: 9 }, 9)
})

test.run()
