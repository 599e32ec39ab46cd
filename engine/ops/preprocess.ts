/** @file Normalisation of raw images. */
import shader from '../../shaders/preprocess.wgsl'
import { type Graph, grid1d } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'

type Rgb = readonly [number, number, number]

/** The shape of `batch` images of side S as bytes, four in a word: (B, S, 3·S / 4). S is a multiple of 4. */
export const byteImageShape = (batch: number, side: number): number[] => [batch, side, (3 * side) / 4]

/**
 * Normalises images: raw from 0 to 255, f32 (B, S, S, 3) or bytes of `byteImageShape`, and sizes (B, 2) u32, the valid height
 * and width of each, to (x - mean) / deviation (B, S, S, 3), 0 in the padding. The same pixels give the same bits either way.
 * @throws Error if the shapes are others
 */
export function normalizeImage(g: Graph, raw: Tensor, sizes: Tensor, mean: Rgb, deviation: Rgb): Tensor {
  const [batch, side] = raw.shape
  const shape = [batch, side, side, 3]
  const bytes = raw.shape.length === 3
  if (String(raw.shape) !== String(bytes ? byteImageShape(batch, side) : shape) || sizes.size !== 2 * batch)
    throw new Error(`images [${raw.shape}] with sizes [${sizes.shape}] are not (B, S, S, 3), or its bytes, and (B, 2)`)
  const y = g.tensor('normalised images', shape)
  const words = y.size / 4
  const { rounds, grid } = elementwiseGrid(g.engine, words)
  const params = { batch, side, words, rounds, mean: [...mean, 0], deviation: [...deviation, 1] }
  if (bytes) g.dispatch(shader, 'normalize_bytes', { packed: raw, sizes, y }, params, grid)
  else g.dispatch(shader, 'normalize_image', { x: raw, sizes, y }, params, grid1d(y.size))
  return y
}

/** Writes the numbers that bytes are, four in a word of `packed`, to `y`, f32. @throws Error if the sizes do not fit */
export function expandBytes(g: Graph, packed: Tensor, y: Tensor): void {
  const words = packed.size
  if (y.size !== 4 * words) throw new Error(`${y.label} [${y.shape}] is not as long as the bytes of ${words} words`)
  const { rounds, grid } = elementwiseGrid(g.engine, words)
  // what the kernel does not use is 0
  const unused = { batch: 0, side: 0, mean: [0, 0, 0, 0], deviation: [0, 0, 0, 0] }
  g.dispatch(shader, 'expand_bytes', { packed, numbers: y }, { words, rounds, ...unused }, grid)
}
