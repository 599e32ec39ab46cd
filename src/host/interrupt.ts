/** @file Ctrl-C: the first one lets the current step finish and be saved, the second one ends the program at once. */
import { isRunByProgram } from './progress-lines'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface Interruption {
  /** True once the user has asked to stop. Loops check it between steps. */
  readonly requested: boolean
  /** Resolves with the signal's name when the user asks to stop. */
  readonly signal: Promise<NodeJS.Signals>
  /** Restores the default handling of the signals. */
  dispose(): void
}

/**
 * Handles SIGINT, SIGTERM and SIGHUP (the terminal is closed, the connection to it is lost) until dispose(). The first signal calls `onFirst`, which tells the user what happens; the
 * second one exits with code 130.
 */
export function interruption(
  onFirst: () => void = () => console.error('\nstopping after this step; press Ctrl-C again to end at once'),
): Interruption {
  let requested = false
  let resolve: (signal: NodeJS.Signals) => void
  const signal = new Promise<NodeJS.Signals>((r) => (resolve = r))
  const handle = (name: NodeJS.Signals) => {
    // closing a terminal may send the signal twice
    if (requested && name === 'SIGHUP') return
    if (requested) process.exit(130)
    requested = true
    // what is printed to a terminal that is gone must not end the program before it has saved
    if (name === 'SIGHUP') for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
    onFirst()
    resolve(name)
  }
  for (const signal of SIGNALS) process.on(signal, handle)
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
      stdin?.off('end', ended).off('error', ended)
    },
  }
}
