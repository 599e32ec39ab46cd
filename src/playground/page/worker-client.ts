/** @file Calls of the page to its worker. */
import { ApiError } from '../../review/page/request'
import { messageOf } from '../../host/errors'
import { startWorker } from './start-worker'
import type { CallError, CallName, Calls, Failure, FromWorker, Progress, ToWorker } from '../calls'

/** A call failed for a reason that the page has advice for. */
export class WorkError extends Error {
  constructor(
    message: string,
    readonly kind: Failure,
  ) {
    super(message)
  }
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: Error): void
  onProgress?(progress: Progress): void
}

const waiting = new Map<number, Waiting>()
let last = 0
let worker: Promise<Worker> | null = null

async function start(): Promise<Worker> {
  const started = await startWorker()
  started.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    const call = waiting.get(data.id)
    if (!call) return
    if ('progress' in data) return call.onProgress?.(data.progress)
    waiting.delete(data.id)
    if ('error' in data) call.reject(errorOf(data.error))
    else call.resolve(data.result)
  }
  started.onerror = (event) => {
    event.preventDefault()
    const error = new WorkError(`the worker has failed: ${event.message || 'its file could not be loaded'}`, 'other')
    for (const call of waiting.values()) call.reject(error)
    waiting.clear()
    started.terminate()
    worker = null
  }
  return started
}

function errorOf({ message, kind, status }: CallError): Error {
  return status === undefined ? new WorkError(message, kind) : new ApiError(status, message, null)
}

export interface CallOptions {
  signal?: AbortSignal
  /** Ends the call with what there is until then. */
  finish?: AbortSignal
  onProgress?(progress: Progress): void
}

/** @throws WorkError, or an ApiError for a request of the review · the signal's reason if it aborts */
export async function ask<C extends CallName>(
  call: C,
  request: Calls[C]['request'],
  { signal, finish, onProgress }: CallOptions = {},
): Promise<Calls[C]['result']> {
  const to = await (worker ??= start().catch((error: unknown) => {
    worker = null
    throw new WorkError(`the worker cannot be started: ${messageOf(error)}`, 'other')
  }))
  const id = ++last
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const stop = () => to.postMessage({ id, stop: true } satisfies ToWorker)
    const end = () => to.postMessage({ id, finish: true } satisfies ToWorker)
    signal?.addEventListener('abort', stop)
    finish?.addEventListener('abort', end)
    const ended = () => {
      signal?.removeEventListener('abort', stop)
      finish?.removeEventListener('abort', end)
    }
    waiting.set(id, {
      onProgress,
      resolve: (result) => {
        ended()
        resolve(result as Calls[C]['result'])
      },
      reject: (error) => {
        ended()
        reject(signal?.aborted ? (signal.reason as Error) : error)
      },
    })
    to.postMessage({ id, call, request } satisfies ToWorker)
  })
}
