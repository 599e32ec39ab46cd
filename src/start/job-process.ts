/** @file Runs one command of this program as a process, reads its progress, and stops it as Ctrl-C would. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { builtFolder } from '../host/dist-folder'
import { UserError } from '../host/errors'
import { isUnimportant } from '../host/native-stderr'
import { parseProgressLine, programEnvironment, type ProgressLine } from '../host/progress-lines'

export interface ProcessEvents {
  onProgress(progress: ProgressLine): void
  /** A line of its output that is no progress. */
  onLine(line: string): void
}

export interface RunningProcess {
  /** The exit code; 130 if it was stopped. Rejects if it cannot be started. */
  readonly ended: Promise<number>
  /** Asks it to save and end; the second time ends it at once. */
  stop(): void
}

/** @param args of `wgsam`, the command first @throws UserError if the program is not built */
export function startProcess(args: readonly string[], { onProgress, onLine }: ProcessEvents): RunningProcess {
  const folder = builtFolder('cli.js')
  if (!folder) throw new UserError('the program is not built: run `npm run build`')
  const child = spawn(process.execPath, [join(folder, 'cli.js'), ...args], {
    env: programEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
    windowsHide: true,
    // Ctrl-C in the terminal of the server goes to the server alone, which then stops its jobs
    detached: process.platform !== 'win32',
  })
  let stops = 0
  // a process that has just ended does not read its stdin any more
  child.stdin.on('error', () => {})
  createInterface({ input: child.stdout }).on('line', onLine)
  createInterface({ input: child.stderr }).on('line', (line) => {
    const progress = parseProgressLine(line)
    if (progress) onProgress(progress)
    // a process whose stderr is a pipe cannot leave them out
    else if (line.trim() && !isUnimportant(line)) onLine(line)
  })
  return {
    ended: new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve(code ?? (stops ? 130 : 1)))
    }),
    stop() {
      if (stops++) child.kill('SIGKILL')
      else child.stdin.end()
    },
  }
}
