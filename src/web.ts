/**
 * @file `wgsam/web`: weights for the engine from any source of bytes, in browsers and other hosts without files. docs/embedding.md has
 * examples.
 */
export { UserError } from './host/errors'
export { blobSource, bufferSource, type ByteSource } from './weights/byte-source'
export { type OpenedWeights, type OpenOptions, openWeights, type WeightInput } from './weights/open-weights'
export type { TensorEntry } from './weights/tensor-file'
export { type UrlOptions, urlSource } from './weights/url-source'
export { browserCache, type CachedWeights, type WeightCache } from './weights/weight-cache'
