/**
 * @file `wgsam/web`: weights and adapters from any source of bytes and back, in browsers and other hosts without files.
 * docs/embedding.md has examples.
 */
export { UserError } from './host/errors'
export { type AdapterInput, adapterFiles, type FileBytes, openAdapter } from './weights/adapter-bytes'
export type { AdapterContent } from './weights/adapter-content'
export type { AdapterProfile } from '../engine/train/adapter-profile'
export { blobSource, bufferSource, type ByteSource } from './weights/byte-source'
export { type OpenedWeights, type OpenOptions, openWeights, type WeightInput } from './weights/open-weights'
export { type MergedWeights, mergeAdapter } from './weights/merge-adapter'
export type { TensorEntry } from './weights/tensor-file'
export { type UrlOptions, urlSource } from './weights/url-source'
export { type OnTensor, weightsFile } from './weights/weights-file'
export { opfsCache } from './weights/opfs-cache'
export { browserCache, type CachedWeights, type WeightCache } from './weights/weight-cache'
