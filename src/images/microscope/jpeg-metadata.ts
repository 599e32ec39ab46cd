/** @file What a microscope recorded in a JPEG. */
import { open } from 'node:fs/promises'
import type { MicroscopeMetadata } from './metadata'
import { phenomMetadata } from './vendors'

/** Bytes at the beginning and at the end of a JPEG in which Phenom's XML is looked for. */
const JPEG_SEARCH_BYTES = 2 ** 19

/** The metadata that Phenom embeds in a JPEG; an empty list if there are none. */
export async function jpegMetadata(path: string): Promise<MicroscopeMetadata[]> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const length = Math.min(JPEG_SEARCH_BYTES, size)
    for (const at of new Set([0, size - length])) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at)
      const text = buffer.toString('latin1', 0, bytesRead)
      const from = text.indexOf('<FeiImage')
      const to = text.indexOf('</FeiImage>', from)
      if (from >= 0 && to >= 0) return [phenomMetadata(text.slice(from, to), 'Phenom text in the JPEG')]
    }
    return []
  } finally {
    await file.close()
  }
}
