/** @file TIFF files on the disk. */
import { open } from 'node:fs/promises'
import { inflateSync } from 'node:zlib'
import { TiffFile } from './tiff-tags'

/** Opens a TIFF, passes it to `use` and closes it. @throws Error, without the file's name, if its directories are damaged */
export async function withTiff<T>(path: string, use: (tiff: TiffFile) => Promise<T>): Promise<T> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const tiff = await TiffFile.open({
      size,
      read: async (start, length) => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start)
        return buffer.subarray(0, bytesRead)
      },
      inflate: (bytes, most) => inflateSync(bytes, { maxOutputLength: most }),
    })
    return await use(tiff)
  } finally {
    await file.close()
  }
}
