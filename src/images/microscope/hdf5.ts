/** @file What is used of h5wasm, an optional package that is loaded only when an HDF5 file is read. */
import { messageOf } from '../../host/errors'

export interface Hdf5Dataset {
  shape: number[] | null
  /** 0: integers, 1: floats; others are texts, structures, references. */
  metadata: { type: number; size: number; signed: boolean }
  /** The values of ranges of indices, one for each dimension. */
  slice(ranges: [number, number][]): ArrayLike<number> | ArrayLike<bigint>
}
export interface Hdf5Group {
  keys(): string[]
  get(path: string): Hdf5Dataset | Hdf5Group | null
  attrs: Record<string, { value: unknown }>
}
interface Library {
  ready: Promise<{ activate_throwing_error_handler?(): void }>
  File: new (path: string, mode: 'r') => Hdf5Group & { file_id: bigint }
}

/** @throws Error if the library is not installed */
export async function loadHdf5(): Promise<Library> {
  const name = 'h5wasm/node'
  const { default: library } = (await import(name).catch(() => {
    throw new Error(
      'EMD files are HDF5, which the package h5wasm reads: install it with `npm install h5wasm`, or export the image as TIFF',
    )
  })) as { default: Library }
  const module = await library.ready
  module.activate_throwing_error_handler?.()
  return library
}

/** @throws Error without the file's name, if the file is damaged */
export function openHdf5(library: Library, path: string): Hdf5Group {
  try {
    const file = new library.File(path, 'r')
    if (file.file_id < 0n) throw new Error('it cannot be opened')
    return file
  } catch (error) {
    throw new Error(`the HDF5 file is damaged or truncated: ${hdf5Reason(error)}`)
  }
}

export const isGroup = (object: Hdf5Dataset | Hdf5Group | null | undefined): object is Hdf5Group =>
  !!object && 'keys' in object && typeof object.keys === 'function'
export const isDataset = (object: Hdf5Dataset | Hdf5Group | null | undefined): object is Hdf5Dataset =>
  !!object && 'slice' in object

/** The innermost reason in the library's report of an error. */
export function hdf5Reason(error: unknown): string {
  if (/plugin|filter/i.test(messageOf(error).slice(0, 20_000)))
    return 'they are compressed by a filter of HDF5 that is not read: save them with gzip, or without compression'
  const lines = messageOf(error).slice(0, 20_000).split('\n')
  const [reason] = lines.flatMap((line) => /\(\): (.*)$/.exec(line)?.[1] ?? []).slice(-1)
  return (reason ?? lines[0]).slice(0, 200)
}
