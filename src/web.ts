/**
 * @file `wgsam/web`: weights for the engine from any source of bytes, in browsers and other hosts without files. docs/embedding.md has
 * examples.
 */
import type { Architecture } from '../engine/sam/architecture'
import type { WeightSource } from '../engine/sam/weights'
import { inferArchitecture, validateCheckpoint } from './weights/architecture'
import { blobSource, bufferSource, type ByteSource, type UrlOptions, urlSource } from './weights/byte-source'
import { openSafetensorsSource } from './weights/safetensors-source'
import { toCheckpoint, weightSource } from './weights/sam-checkpoint'

export { UserError } from './host/errors'
export { blobSource, bufferSource, type ByteSource, type UrlOptions, urlSource } from './weights/byte-source'

/** Weights with the architecture that their shapes imply, as `SamModel.load` takes them. */
export interface OpenedWeights {
  architecture: Architecture
  weights: WeightSource
  /** Bytes of all tensors as f32, for progress: `LoadOptions.onTensor` says how many of them are there. */
  bytes: number
}

/**
 * Opens a SAM or MobileSAM in safetensors, as `wgsam merge` writes it. Only its header is read; tensors follow when the model is
 * loaded.
 * @param source a URL, a File or Blob, bytes, or a source of the host's own
 * @param config what the shapes of a toy model do not imply
 * @throws UserError if it cannot be read or is no SAM · the signal's reason if it aborts
 * @example
 * const { architecture, weights } = await openWeights('https://example.org/model.safetensors')
 * const model = await SamModel.load(engine, weights, architecture)
 */
export async function openWeights(
  source: string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource,
  { config, ...options }: UrlOptions & { config?: unknown } = {},
): Promise<OpenedWeights> {
  const bytes = await toByteSource(source, options)
  const checkpoint = await toCheckpoint(bytes.name, 'safetensors', await openSafetensorsSource(bytes))
  const architecture = inferArchitecture(checkpoint, config)
  validateCheckpoint(checkpoint, architecture)
  const sizes = [...checkpoint.tensors.values()].map(({ shape }) => 4 * shape.reduce((a, b) => a * b, 1))
  return { architecture, weights: weightSource(checkpoint), bytes: sizes.reduce((a, b) => a + b, 0) }
}

async function toByteSource(source: Parameters<typeof openWeights>[0], options: UrlOptions): Promise<ByteSource> {
  if (typeof source === 'string' || source instanceof URL) return urlSource(source, options)
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) return bufferSource(source)
  return 'arrayBuffer' in source ? blobSource(source) : source
}
