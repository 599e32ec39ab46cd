/** @file Starts programs as several ranks, with the launchers of Open MPI and of MPICH. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { findMpirun } from '../../scripts/find-tools.mjs'
import { type RegisterTest, testNeeding } from './needs'

export type Launcher = 'openmpi' | 'mpich'

const NAMES: Record<Launcher, string> = { openmpi: 'Open MPI', mpich: 'MPICH' }
/** Open MPI refuses root, and more ranks than cores, unless it is asked twice; its ranks are few and the tests' own. */
const ARGUMENTS: Record<Launcher, string[]> = { openmpi: ['--allow-run-as-root', '--oversubscribe'], mpich: [] }

export interface RankRun {
  child: ChildProcess
  /** What has been printed so far. */
  output: { stdout: string; stderr: string }
  /** Resolves when the launcher has ended. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** Starts `node` with these arguments as n ranks. */
export function startRanks(
  launcher: Launcher,
  n: number,
  args: readonly string[],
  env: Record<string, string> = {},
): RankRun {
  const words = [...ARGUMENTS[launcher], '-n', String(n), process.execPath, ...args]
  const child = spawn(findMpirun(launcher)!, words, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]!.setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, ...output }))
  })
  return { child, output, ended }
}

/** Registers a test for each launcher; it is skipped where the launcher is missing. */
export function testRanks(name: string, run: (launcher: Launcher) => Promise<void>): void {
  for (const launcher of ['openmpi', 'mpich'] as const) {
    const found = findMpirun(launcher) !== undefined
    const register: RegisterTest = testNeeding('mpi', found ? null : `there is no mpirun of ${NAMES[launcher]}`)
    register(`${NAMES[launcher]}: ${name}`, () => run(launcher))
  }
}

/** The ranks under a launcher: processes below it that run a command of the program. */
export function rankProcesses(root: number, command: string): number[] {
  const found: number[] = []
  const visit = (pid: number) => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
    for (const child of children) {
      if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(`\0${command}\0`)) found.push(child)
      visit(child)
    }
  }
  visit(root)
  return found.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('node'))
}
