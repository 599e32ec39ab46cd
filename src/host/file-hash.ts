/** @file The SHA-256 of a file of any size. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** In hexadecimal digits. @throws Error of the operating system if the file cannot be read */
export async function fileHash(path: string): Promise<string> {
  const sum = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) sum.update(chunk)
  return sum.digest('hex')
}
