/** @file Decodes text files of other programs, and says what a file is that should be text of some format but is not. */

import { foreignFile } from './foreign-file'

/** The text of a file: UTF-16 by its byte order mark, UTF-8 with or without one, or else the Latin-1 of older Windows programs. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

const kinds: [RegExp, string][] = [
  [/^\s*$/, 'it is empty'],
  [/^\s*<(?:!doctype html|html)/i, 'it is a web page: its download needs a login or another address'],
  [
    /^\s*<(?:\?xml[^>]*>)?\s*(?:<!--.{0,400}?-->\s*)?<annotations[\s>]/s,
    'it is XML of CVAT: `wgsam dataset import --format cvat` reads it',
  ],
  [/^\s*<\s*annotation[\s>]/, 'it is XML of Pascal VOC, which holds boxes and no masks'],
  [/^\s*</, 'it is XML'],
  [/^\x1f\x8b/, 'it is compressed by gzip: unpack it first'],
  [
    /^(?:PK\x03\x04(?!.{26}[^/]{0,80}\.npy)|7z\xbc\xaf|Rar!|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd)/s,
    'it is an archive: unpack it first',
  ],
  [/^(?:\x89PNG|\xff\xd8\xff|II\*\0|MM\0\*)/, 'it is an image'],
  [/^\s*\{[^\n]*\}\s*\n\s*\{/, 'it has one JSON value in each line (JSON Lines), not one value'],
]

/** What a file is that is not the text it should be, by its first bytes, with the way on; undefined if unknown. */
export function contentOf(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, 2 ** 16))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
  const known = kinds.find(([pattern]) => pattern.test(start))?.[1]
  if (known) return known
  const { is, way } = foreignFile(bytes) ?? {}
  return is && `${is}${way ? `: ${way}` : ''}`
}
