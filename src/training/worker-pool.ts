/** @file A pool of worker threads that make examples (worker.ts). Pixels are transferred back without being copied. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Engine } from '../../engine/device/engine'
import type { SizeRange } from '../../engine/augment/auto-magnification'
import type { DatasetItem } from '../dataset/dataset'
import { UserError } from '../host/errors'
import { builtFolder } from '../host/dist-folder'
import type { TrainConfig } from './config'
import type { Example } from '../../engine/finetune/examples'
import type { Preparation } from '../../engine/finetune/preparation'
import { CACHE_BYTES, inThread } from './preparation'

/**
 * Maximum workers. More would outrun any GPU: a step of eight images needs 160 to 480 ms of processor time for its examples, and takes
 * an H100 50 ms or more.
 */
const MAX_WORKERS = 12

/** Initial data of a worker. */
export interface WorkerData {
  config: TrainConfig
  /** The usual particle sizes of the training images: see variantOf. */
  sizes: SizeRange | null
  /** Maximum bytes of decoded images that the worker keeps. */
  cacheBytes: number
}

export interface WorkerTask {
  id: number
  /** Null for a synthetic scene. */
  item: DatasetItem | null
  seed: number
}

/** `user`: the error is a UserError. */
export type WorkerReply = { id: number } & ({ example: Example } | { error: string; user: boolean })

interface PendingTask {
  resolve(example: Example): void
  reject(error: Error): void
}

interface PoolWorker {
  worker: Worker
  pending: Map<number, PendingTask>
  /** Why the worker has ended, if it has. */
  failure: Error | null
}

export class WorkerPool implements Preparation<DatasetItem> {
  private readonly workers: PoolWorker[]
  /** Index by image id: an image always goes to the same worker, whose cache has it decoded from the last epoch. */
  private readonly places = new Map<string, number>()
  private tasks = 0
  private closing = false

  constructor(config: TrainConfig, count: number, cacheBytes: number, sizes: SizeRange | null = null) {
    const file = workerFile()
    const workerData: WorkerData = { config, sizes, cacheBytes: Math.floor(cacheBytes / count) }
    this.workers = Array.from({ length: count }, () => {
      const worker = new Worker(file, { workerData })
      const pending = new Map<number, PendingTask>()
      const member: PoolWorker = { worker, pending, failure: null }
      worker.on('message', (reply: WorkerReply) => {
        const { resolve, reject } = pending.get(reply.id)!
        pending.delete(reply.id)
        if ('example' in reply) resolve(reply.example)
        else reject(reply.user ? new UserError(reply.error) : new Error(reply.error))
      })
      const fail = (error: Error) => {
        member.failure ??= error
        for (const { reject } of pending.values()) reject(error)
        pending.clear()
      }
      worker.on('error', fail)
      worker.on('exit', (code) => {
        if (!this.closing) fail(new Error(`a worker thread that prepares images has ended (code ${code})`))
      })
      // an idle worker must not keep the process alive
      worker.unref()
      return member
    })
  }

  make(item: DatasetItem | null, seed: number): Promise<Example> {
    const place = item ? this.placeOf(item) : this.tasks
    const { worker, pending, failure } = this.workers[place % this.workers.length]
    if (failure) return Promise.reject(failure)
    const id = this.tasks++
    return new Promise<Example>((resolve, reject) => {
      // while a task is pending the process must stay alive
      worker.ref()
      const settled = () => pending.size || worker.unref()
      pending.set(id, {
        resolve: (example) => (settled(), resolve(example)),
        reject: (error) => (settled(), reject(error)),
      })
      worker.postMessage({ id, item, seed } satisfies WorkerTask)
    })
  }

  private placeOf({ id }: DatasetItem): number {
    const place = this.places.get(id) ?? this.places.size
    this.places.set(id, place)
    return place
  }

  async close(): Promise<void> {
    this.closing = true
    await Promise.all(this.workers.map(({ worker }) => (worker.ref(), worker.terminate())))
    for (const { pending } of this.workers) {
      for (const { reject } of pending.values()) reject(new Error('the preparation of examples is closed'))
      pending.clear()
    }
  }
}

/** Path of the bundled worker.ts. @throws UserError if the program is not built */
function workerFile(): string {
  const folder = builtFolder('worker.js')
  if (!folder) throw new UserError('the worker threads that prepare images are not built: run `npm run build`')
  return join(folder, 'worker.js')
}

/**
 * The number of workers. By default none with a software adapter, whose own threads need the CPU, else one for each processor but one.
 * @param processors those of this process, which shares the machine with other ranks of a training
 */
export function workerCount(
  { workers }: Pick<TrainConfig, 'workers'>,
  { software }: Pick<Engine, 'software'>,
  processors = availableParallelism(),
): number {
  if (workers !== 'auto') return workers
  return software ? 0 : Math.max(0, Math.min(MAX_WORKERS, processors - 1))
}

/** Opens a worker pool, or preparation in this thread if no workers are wanted. @throws UserError if the program is not built */
export function openPreparation(
  config: TrainConfig,
  engine: Pick<Engine, 'software'>,
  sizes: SizeRange | null,
  processors?: number,
): Preparation<DatasetItem> {
  const count = workerCount(config, engine, processors)
  return count ? new WorkerPool(config, count, CACHE_BYTES, sizes) : inThread(config, sizes)
}
