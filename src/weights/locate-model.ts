/** @file Finds a model for a command, downloading it where that is asked for, with a line of progress for each file. */
import { Progress } from '../host/progress'
import type { DownloadProgress } from './download'
import { resolveModel } from './fetch-model'

/** An `onProgress` that shows each file on stderr. */
export function downloadProgress(): (progress: DownloadProgress) => void {
  let bar: Progress | undefined
  return ({ file, done, total }) => {
    if (bar?.label !== file) {
      bar = new Progress(file, total, { unit: 'bytes' })
      bar.startAt(done)
    }
    bar.update(done)
    if (done === total) bar.finish()
  }
}

/** The path of a named model or checkpoint. @throws UserError where it is not there and may not be downloaded */
export const locateModel = (nameOrPath: string, fetch: boolean): Promise<string> =>
  resolveModel(nameOrPath, { fetch, onProgress: downloadProgress() })
