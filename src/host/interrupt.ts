/** @file Ctrl-C: the first one lets the current step finish and be saved, the second one ends the program at once. */
import { isRunByProgram } from './progress-lines'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const
/** Milliseconds in which a launcher may pass on a Ctrl-C that the terminal has sent as well. */
const ECHO = 2000
/** Set by mpirun of Open MPI, which ends its ranks by SIGCONT, SIGTERM and SIGKILL, with a second between them. */
const OPEN_MPI = 'OMPI_COMM_WORLD_RANK'

export interface Interruption {
  /** True once the user has asked to stop. Loops check it between steps. */
  readonly requested: boolean
  /** Resolves with the signal's name when the user asks to stop. */
  readonly signal: Promise<NodeJS.Signals>
  /** Restores the default handling of the signals. */
  dispose(): void
}

/**
 * Handles SIGINT, SIGTERM, SIGHUP (the terminal is closed, the connection to it is lost) and SIGUSR1 (a scheduler announces the end of
 * the job's time) until dispose(). The first signal calls `onFirst`, which tells the user what happens; the second one exits with code 130.
 * @param job true for a rank that a launcher has started: it may send several signals, one after the other, to end the job. Only Ctrl-C, two
 * seconds later, then exits before all is saved. Of Open MPI the first of them, SIGCONT, counts, which doubles the time for saving
 */
export function interruption(
  onFirst: () => void = () => console.error('\nstopping after this step; press Ctrl-C again to end at once'),
  job = false,
): Interruption {
  let requested = false
  let first = 0
  let patient = job
  let resolve: (signal: NodeJS.Signals) => void
  const signal = new Promise<NodeJS.Signals>((r) => (resolve = r))
  const handle = (name: NodeJS.Signals) => {
    // closing a terminal may send the signal twice
    if (requested && name === 'SIGHUP') return
    if (requested && patient && (name !== 'SIGINT' || performance.now() - first < ECHO)) return
    if (requested) process.exit(130)
    requested = true
    first = performance.now()
    // SIGTERM follows when the time is over
    patient ||= name === 'SIGUSR1'
    // what is printed to a terminal that is gone must not end the program before it has saved
    if (name === 'SIGHUP') for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
    onFirst()
    resolve(name)
  }
  for (const signal of SIGNALS) process.on(signal, handle)
  // a scheduler that suspends the job announces it by SIGTSTP; the SIGCONT that follows then only resumes it
  let suspended = false
  const onStop = () => {
    suspended = true
    process.kill(process.pid, 'SIGSTOP')
  }
  const onContinue = () => {
    if (!suspended) handle('SIGCONT')
    suspended = false
  }
  const announced = job && process.env[OPEN_MPI] !== undefined
  if (announced) process.on('SIGTSTP', onStop).on('SIGCONT', onContinue)
  const stdin = isRunByProgram() ? process.stdin : null
  const ended = () => {
    if (requested) return
    // the program that ran this one may be gone, and its pipes with it
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
    handle('SIGINT')
  }
  // one that has ended before does not say so again
  if (stdin?.readableEnded) queueMicrotask(ended)
  else stdin?.on('end', ended).on('error', ended).resume()
  return {
    get requested() {
      return requested
    },
    signal,
    dispose() {
      for (const signal of SIGNALS) process.off(signal, handle)
      if (announced) process.off('SIGTSTP', onStop).off('SIGCONT', onContinue)
      stdin?.off('end', ended).off('error', ended)
    },
  }
}
