/** @file Threads that make examples (helper.ts), fed over messages; pixels come back without being copied. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Engine } from '../../engine/device/engine'
import type { DatasetItem } from '../dataset/dataset'
import { UserError } from '../host/errors'
import { builtFolder } from '../host/dist-folder'
import type { TrainConfig } from './config'
import type { Example } from './examples'
import { CACHE_BYTES, InThread, type Preparation } from './preparation'

/** More would outrun any GPU: an example takes 20 to 60 ms, a step of eight images on a fast GPU 100. */
const MOST = 4

/** What a helper is born with. */
export interface HelperData {
  config: TrainConfig
  cacheBytes: number
}

export interface HelperTask {
  id: number
  item: DatasetItem
  seed: number
}

export type HelperAnswer = { id: number } & ({ example: Example } | { error: string; user: boolean })

interface Waiting {
  resolve(example: Example): void
  reject(error: Error): void
}

interface Thread {
  worker: Worker
  waiting: Map<number, Waiting>
  /** What ended it, if it has ended. */
  failure: Error | null
}

export class Helpers implements Preparation {
  private readonly threads: Thread[]
  /** An image always goes to the same helper, which has it decoded from the last epoch. */
  private readonly places = new Map<string, number>()
  private tasks = 0
  private closing = false

  constructor(config: TrainConfig, count: number, cacheBytes: number) {
    const file = helperFile()
    const workerData: HelperData = { config, cacheBytes: Math.floor(cacheBytes / count) }
    this.threads = Array.from({ length: count }, () => {
      const worker = new Worker(file, { workerData })
      const waiting = new Map<number, Waiting>()
      const thread: Thread = { worker, waiting, failure: null }
      worker.on('message', (answer: HelperAnswer) => {
        const { resolve, reject } = waiting.get(answer.id)!
        waiting.delete(answer.id)
        if ('example' in answer) resolve(answer.example)
        else reject(answer.user ? new UserError(answer.error) : new Error(answer.error))
      })
      const fail = (error: Error) => {
        thread.failure ??= error
        for (const { reject } of waiting.values()) reject(error)
        waiting.clear()
      }
      worker.on('error', fail)
      worker.on('exit', (code) => {
        if (!this.closing) fail(new Error(`a thread that prepares images ended by itself (code ${code})`))
      })
      // what it is doing must not keep a process alive that has ended otherwise
      worker.unref()
      return thread
    })
  }

  make(item: DatasetItem, seed: number): Promise<Example> {
    const place = this.places.get(item.id) ?? this.places.size
    this.places.set(item.id, place)
    const { worker, waiting, failure } = this.threads[place % this.threads.length]
    if (failure) return Promise.reject(failure)
    const id = this.tasks++
    return new Promise<Example>((resolve, reject) => {
      // while something is waited for the process lives
      worker.ref()
      const settled = () => waiting.size || worker.unref()
      waiting.set(id, {
        resolve: (example) => (settled(), resolve(example)),
        reject: (error) => (settled(), reject(error)),
      })
      worker.postMessage({ id, item, seed } satisfies HelperTask)
    })
  }

  async close(): Promise<void> {
    this.closing = true
    await Promise.all(this.threads.map(({ worker }) => (worker.ref(), worker.terminate())))
    for (const { waiting } of this.threads) {
      for (const { reject } of waiting.values()) reject(new Error('no more examples are wanted'))
      waiting.clear()
    }
  }
}

/** The built thread. */
function helperFile(): string {
  const folder = builtFolder('worker.js')
  if (!folder) throw new UserError('the threads that prepare images are not built: run `npm run build`')
  return join(folder, 'worker.js')
}

/** How many threads help. By itself none with a software adapter, whose own threads want the processor. */
export function helperCount({ workers }: Pick<TrainConfig, 'workers'>, { software }: Pick<Engine, 'software'>): number {
  if (workers !== 'auto') return workers
  return software ? 0 : Math.max(0, Math.min(MOST, availableParallelism() - 1))
}

/** @throws UserError where helpers are wanted and the program is not built */
export function openPreparation(config: TrainConfig, engine: Pick<Engine, 'software'>): Preparation {
  const count = helperCount(config, engine)
  return count ? new Helpers(config, count, CACHE_BYTES) : new InThread(config)
}
