/** @file Normalisation of raw images. */
import shader from '../../shaders/preprocess.wgsl'
import { type Graph, grid1d } from '../graph/graph'
import type { Tensor } from '../device/tensor'

type Rgb = readonly [number, number, number]

/**
 * Normalises images: raw (B, S, S, 3) from 0 to 255 and sizes (B, 2) u32, the valid height and width of each, to
 * (x - mean) / deviation, 0 in the padding.
 * @throws Error if the shapes are others
 */
export function normalizeImage(g: Graph, raw: Tensor, sizes: Tensor, mean: Rgb, deviation: Rgb): Tensor {
  const [batch, side, width, channels] = raw.shape
  if (width !== side || channels !== 3 || sizes.size !== 2 * batch)
    throw new Error(`images [${raw.shape}] with sizes [${sizes.shape}] are not (B, S, S, 3) and (B, 2)`)
  const y = g.tensor('normalised images', raw.shape)
  const params = { batch, side, mean: [...mean, 0], deviation: [...deviation, 1] }
  g.dispatch(shader, 'normalize_image', { x: raw, sizes, y }, params, grid1d(raw.size))
  return y
}
