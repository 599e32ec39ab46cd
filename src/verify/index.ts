/** @file Golden files: opening them, and recomputing what they contain. */
export { computeGolden } from './compute-golden'
export type { GoldenFile, NamedTensor } from './golden-file'
export { openGolden } from './open-golden'
export { relativeError } from './relative-error'
