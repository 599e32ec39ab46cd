/** @file Finds a model for a command and, if requested, downloads it with a line of progress for each file. */
import { Progress } from '../host/progress'
import type { DownloadProgress } from './download'
import { resolveModel } from './fetch-model'

/** Returns an `onProgress` function that shows the progress of each file on stderr. */
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

/** The path of a named model or checkpoint. @throws UserError if it does not exist and `fetch` is false */
export const locateModel = (nameOrPath: string, fetch: boolean): Promise<string> =>
  resolveModel(nameOrPath, { fetch, onProgress: downloadProgress() })
