/** @file What the fuzzer needs to know of a reader. To add a reader, add an entry to a table in test/fuzz/readers/. */

export interface Reader {
  /** For `npm run fuzz -- --reader NAME`. */
  name: string
  /** The name of the mutated file in a folder that the reader has for itself. */
  file: string
  /** Sound files, which mutations change. */
  seeds: () => Uint8Array[] | Promise<Uint8Array[]>
  /** Puts mutated bytes into the rest of a file, so that they get past its checksums and lengths. */
  wrap?: (bytes: Uint8Array) => Uint8Array
  /** Makes the files beside the mutated one, once. */
  prepare?: (folder: string) => void | Promise<void>
  /** Reads the file. @returns what it was understood as @throws UserError that names the file */
  read: (path: string, folder: string) => Promise<unknown>
  /** True if checksums protect the file: what is accepted must be what a seed is understood as. */
  guarded?: boolean
  /** Files put together from sound parts of several seeds, where each part has its checksum: what these say is right too. */
  combinations?: (seeds: readonly Uint8Array[]) => Uint8Array[]
}

/** An error that a reader reports for a part of a file: it is in words, and no fault of the program. */
function isReported(error: unknown): boolean {
  return error instanceof Error && (error.name === 'UserError' || error.constructor === Error)
}

/** Runs `work`, which may report a part of the file as damaged; its caller adds the name of the file. */
export async function part<T>(work: () => T | Promise<T>): Promise<T | string> {
  try {
    return await work()
  } catch (error) {
    if (isReported(error)) return (error as Error).message
    throw error
  }
}
