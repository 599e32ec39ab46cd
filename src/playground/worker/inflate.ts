/** @file Inflates zlib streams with the browser's own decompression. */

/** @throws Error if the stream is damaged, or has more than `most` bytes */
export async function inflate(bytes: Uint8Array, most: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('deflate'))
  const parts: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > most) throw new Error('it has too many bytes')
    parts.push(value)
  }
  const all = new Uint8Array(length)
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
  return all
}
