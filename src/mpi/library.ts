/**
 * @file Finds the system's MPI library and binds the few functions that are used of it. Programs in C are compiled for one of two
 * binary interfaces: in Open MPI handles are addresses of variables of the library, in MPICH and its relatives they are integers.
 */
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { LibraryHandle } from 'koffi'
import { messageOf, UserError } from '../host/errors'
import type { Launch } from './launch'

export type LibraryKind = 'Open MPI' | 'MPICH'

/** What is passed for a handle of MPI: an address, or a number. */
type Handle = bigint | number

/** Functions of MPI, as they are called: pointers are typed arrays, and every function returns MPI's error code. */
export interface MpiLibrary {
  path: string
  kind: LibraryKind
  /** The first line that the library says about itself. */
  version: string
  world: Handle
  /** MPI_BYTE. Only bytes are moved: sums are formed here, in an order that no library and no network can change. */
  byte: Handle
  infoNull: Handle
  /** MPI_COMM_TYPE_SHARED */
  sharedMemory: number
  call: Record<MpiFunction, (...args: unknown[]) => number>
}

/** By name without MPI_: the types of the parameters. A handle fits in `intptr_t` in both interfaces. */
const SIGNATURES = {
  Init_thread: 'void *, void *, int, void *',
  Finalize: '',
  Abort: 'intptr_t, int',
  Comm_rank: 'intptr_t, void *',
  Comm_size: 'intptr_t, void *',
  Comm_split_type: 'intptr_t, int, int, intptr_t, void *',
  Test: 'void *, void *, void *',
  Ibarrier: 'intptr_t, void *',
  Ibcast: 'void *, int, intptr_t, int, intptr_t, void *',
  Igatherv: 'void *, int, intptr_t, void *, void *, void *, intptr_t, int, intptr_t, void *',
  Iallgather: 'void *, int, intptr_t, void *, int, intptr_t, intptr_t, void *',
  Ialltoall: 'void *, int, intptr_t, void *, int, intptr_t, intptr_t, void *',
} as const

type MpiFunction = keyof typeof SIGNATURES

const FILES: Record<LibraryKind, Partial<Record<NodeJS.Platform, string[]>> & { linux: string[] }> = {
  'Open MPI': { linux: ['libmpi.so.40', 'libmpi.so'], darwin: ['libmpi.40.dylib', 'libmpi.dylib'] },
  MPICH: {
    linux: ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so', 'libmpi.so'],
    darwin: ['libmpi.12.dylib', 'libpmpi.12.dylib', 'libmpi.dylib'],
  },
}

/** The variable that names the library's file. */
const VARIABLE = 'WGSAM_MPI'

/**
 * Settings that are made before a library is loaded, unless the user has made them. UCX, by which most libraries reach the network, otherwise
 * replaces malloc, mmap and brk in the whole process to learn of freed memory, while threads of Node allocate: of 180 ranks
 * of MPICH 4.0 with UCX 1.13, one or two crashed in JavaScript's compiler right after MPI_Init.
 */
const SETTINGS = { UCX_MEM_EVENTS: 'n' }

/**
 * Loads the library that the launcher belongs to: the file that WGSAM_MPI names, else the first that is found where the system looks
 * for libraries, and beside the launcher.
 * @throws UserError if there is none, or it is of another kind than the launcher
 */
export async function loadLibrary({ launcher, library: wanted }: Launch): Promise<MpiLibrary> {
  const koffi = await import('koffi').catch((error: unknown) => {
    throw new UserError(
      `wgsam was started by ${launcher} and needs the package koffi to call MPI, which cannot be loaded: \`npm install koffi\`\n(${messageOf(error)})`,
    )
  })
  for (const [name, value] of Object.entries(SETTINGS)) process.env[name] ??= value
  const given = process.env[VARIABLE]
  const failures: string[] = []
  const others: string[] = []
  for (const path of given ? [given] : candidates(wanted, launcher)) {
    let handle: LibraryHandle
    try {
      // Open MPI's plugins look for the symbols of the library among those of the whole process
      handle = koffi.load(path, { global: true })
    } catch (error) {
      failures.push(`  ${path}: ${messageOf(error)}`)
      continue
    }
    const found = bind(path, handle)
    if (found && (!wanted || found.kind === wanted)) return found
    others.push(`${path} is ${found ? found.version : 'no library of MPI'}`)
  }
  const remedy =
    `Install the library of the MPI that ${launcher} belongs to, start wgsam with the launcher of the library that is installed, ` +
    `or name its file: ${VARIABLE}=/path/to/libmpi.so`
  if (others.length) throw new UserError(`wgsam was started by ${launcher}, but ${others.join(', and ')}.\n${remedy}`)
  throw new UserError(
    `wgsam was started by ${launcher}, but ${given ? `the library that ${VARIABLE} names` : `no library of ${wanted ?? 'MPI'}`} could be loaded:\n${failures.join('\n')}\n${remedy}`,
  )
}

/** Names that the system's loader looks up, then files beside the launcher. Where both families are possible, the usual one is first. */
function candidates(kind: LibraryKind | null, launcher: string): string[] {
  const usual: LibraryKind[] = launcher === 'srun with PMI' ? ['MPICH', 'Open MPI'] : ['Open MPI', 'MPICH']
  const kinds = kind ? [kind] : usual
  const names = kinds.flatMap((one) => FILES[one][process.platform] ?? FILES[one].linux)
  const prefixes = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => existsSync(join(folder, 'mpirun')) || existsSync(join(folder, 'mpiexec')))
    .map((folder) => dirname(folder))
  const beside = prefixes.flatMap((prefix) =>
    ['lib', 'lib64', 'lib/release'].flatMap((folder) => names.map((name) => join(prefix, folder, name))),
  )
  return [...names, ...beside.filter((path) => existsSync(path))]
}

/** Binds the library's functions; null if they are not those of MPI, or of an interface that is not known. */
function bind(path: string, handle: LibraryHandle): MpiLibrary | null {
  const symbol = (name: string): bigint | null => {
    try {
      return handle.symbol(name) as bigint
    } catch {
      return null
    }
  }
  if (!symbol('MPI_Ialltoall')) return null
  const version = versionOf(handle)
  const call = Object.fromEntries(
    Object.entries(SIGNATURES).map(([name, parameters]) => [
      name,
      handle.func(`int MPI_${name}(${parameters})`) as (...args: unknown[]) => number,
    ]),
  ) as MpiLibrary['call']
  const world = symbol('ompi_mpi_comm_world')
  if (world !== null) {
    const [byte, infoNull] = [symbol('ompi_mpi_byte')!, symbol('ompi_mpi_info_null')!]
    return { path, kind: 'Open MPI', version, world, byte, infoNull, sharedMemory: 0, call }
  }
  // the numbers are those of MPICH's ABI initiative, which Intel, MVAPICH and Cray have joined
  if (!/MPICH|Intel|MVAPICH|CRAY/i.test(version)) return null
  const handles = { world: 0x44000000, byte: 0x4c00010d, infoNull: 0x1c000000 }
  return { path, kind: 'MPICH', version, ...handles, sharedMemory: 1, call }
}

/** MPI_MAX_LIBRARY_VERSION_STRING is 8192 in MPICH and less in Open MPI. */
function versionOf(handle: LibraryHandle): string {
  const [text, length] = [new Uint8Array(new ArrayBuffer(1 << 14)), new Int32Array(1)]
  handle.func('int MPI_Get_library_version(void *, void *)')(text, length)
  return new TextDecoder()
    .decode(text.subarray(0, length[0]))
    .replaceAll('\0', '')
    .split('\n')[0]
    .replace(/\s+/g, ' ')
    .trim()
}
