/** @file Named f32 tensors with metadata as bytes, in the safetensors format. */
import { elements } from '../device/shape'
import { HEADER_PREFIX, safetensorsHeader } from './safetensors-header'

/** A tensor as it is packed. */
export interface NamedValues {
  name: string
  shape: readonly number[]
  data: Float32Array
}

/** All tensors and the metadata as one safetensors file. */
export function packTensors(
  tensors: readonly NamedValues[],
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const entries = tensors.map(({ name, shape, data }) => ({ name, dtype: 'F32', shape, bytes: data.byteLength }))
  const header = safetensorsHeader(entries, metadata)
  const bytes = new Uint8Array(entries.reduce((end, entry) => end + entry.bytes, header.length))
  bytes.set(header)
  let at = header.length
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return bytes
}

/** The reverse of packTensors. The values are copied. @throws Error if the bytes are cut off or no such file */
export function unpackTensors(bytes: Uint8Array): {
  tensors: Map<string, NamedValues>
  metadata: Record<string, string>
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = bytes.byteLength >= HEADER_PREFIX ? view.getUint32(0, true) : Infinity
  if (HEADER_PREFIX + header > bytes.byteLength) throw new Error('it is cut off')
  const text = new TextDecoder().decode(bytes.subarray(HEADER_PREFIX, HEADER_PREFIX + header))
  const { __metadata__: metadata = {}, ...fields } = JSON.parse(text) as Record<string, unknown>
  const tensors = new Map<string, NamedValues>()
  for (const [name, field] of Object.entries(fields)) {
    const { shape, data_offsets: offsets } = field as { shape: number[]; data_offsets: [number, number] }
    const [start, end] = offsets.map((offset) => HEADER_PREFIX + header + offset)
    const size = elements(shape)
    if (!(start >= HEADER_PREFIX + header && end <= bytes.byteLength && end - start === 4 * size))
      throw new Error(`its tensor ${name} does not fit`)
    tensors.set(name, { name, shape, data: new Float32Array(bytes.slice(start, end).buffer) })
  }
  return { tensors, metadata: metadata as Record<string, string> }
}

/** A 32-bit checksum (FNV-1a over words) of tensors and text, against damage by accident. */
export function checksum(tensors: readonly NamedValues[], text: string): string {
  let hash = 0x811c9dc5
  const mix = (word: number) => (hash = Math.imul(hash ^ word, 0x01000193))
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i))
  for (const { name, data } of tensors) {
    for (let i = 0; i < name.length; i++) mix(name.charCodeAt(i))
    const words = new Int32Array(data.buffer, data.byteOffset, data.length)
    for (let i = 0; i < words.length; i++) mix(words[i])
  }
  return (hash >>> 0).toString(16)
}
