/** @file Ctrl-C: a first one lets the work in hand end and be saved, a second one ends the program at once. */

export interface Interruption {
  /** Whether the user has asked to stop; loops look at it between steps. */
  readonly requested: boolean
  /** Resolves with the signal's name when the user asks to stop. */
  readonly signal: Promise<NodeJS.Signals>
  /** Gives the signals their usual meaning back. */
  dispose(): void
}

/**
 * Takes SIGINT and SIGTERM over until dispose(). `onFirst` says what happens now, by default on stderr; the second
 * signal exits with code 130.
 */
export function interruption(
  onFirst: () => void = () => console.error('\nstopping after this step; press Ctrl-C again to end at once'),
): Interruption {
  let requested = false
  let resolve: (signal: NodeJS.Signals) => void
  const signal = new Promise<NodeJS.Signals>((r) => (resolve = r))
  const handle = (name: NodeJS.Signals) => {
    if (requested) process.exit(130)
    requested = true
    onFirst()
    resolve(name)
  }
  process.on('SIGINT', handle)
  process.on('SIGTERM', handle)
  return {
    get requested() {
      return requested
    },
    signal,
    dispose() {
      process.off('SIGINT', handle)
      process.off('SIGTERM', handle)
    },
  }
}
