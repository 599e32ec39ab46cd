export function findChromium(): string | undefined
export function findTrackerPython(): string | undefined

/** The path of Deno or Bun; undefined if it is not installed. */
export function findHost(name: 'deno' | 'bun'): string | undefined
export function findMpirun(name: 'openmpi' | 'mpich'): string | undefined
