/** @file Ctrl-C: the first one lets the current step finish and be saved, the second one ends the program at once. */

export interface Interruption {
  /** True once the user has asked to stop. Loops check it between steps. */
  readonly requested: boolean
  /** Resolves with the signal's name when the user asks to stop. */
  readonly signal: Promise<NodeJS.Signals>
  /** Restores the default handling of the signals. */
  dispose(): void
}

/**
 * Handles SIGINT and SIGTERM until dispose(). The first signal calls `onFirst`, which tells the user what happens; the
 * second one exits with code 130.
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
