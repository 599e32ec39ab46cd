/** @file Bilinear resizing of NHWC tensors. */
import shader from '../../shaders/resize.wgsl'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'

export interface Resize {
  batch: number
  height: number
  width: number
  outHeight: number
  outWidth: number
}

/** Maximum side: up to it the kernel's integer coordinates fit into 31 bits. */
const MAX_SIDE = 16384

/**
 * x (B, H, W, C), in any shape of this size, to (B·outHeight·outWidth, C): interpolation as in PyTorch's bilinear mode
 * with align_corners false and no antialiasing.
 * @throws Error if x has another size or a side is too large
 */
export function resizeBilinear(g: Graph, x: Tensor, { batch, height, width, outHeight, outWidth }: Resize): Tensor {
  const channels = x.size / (batch * height * width)
  if (!Number.isInteger(channels))
    throw new Error(`${x.label} [${x.shape}] is not ${batch} images of ${height}x${width}`)
  if (Math.max(height, width, outHeight, outWidth) > MAX_SIDE)
    throw new Error(
      `${x.label}: resizing supports sides up to ${MAX_SIDE}, not ${height}x${width} to ${outHeight}x${outWidth}`,
    )
  const params = { height, width, out_height: outHeight, out_width: outWidth, channels, accumulate: 0 }
  const y = g.tensor(`${x.label}: ${outHeight}x${outWidth}`, [batch * outHeight * outWidth, channels])
  const { rounds, groups } = elementwiseGrid(g.engine, outWidth * channels, batch * outHeight)
  g.dispatch(shader, 'forward', { x, y }, { ...params, rounds }, [groups, outHeight, batch])
  g.record([x], y, (dy) => {
    const target = g.gradientTarget(x)
    if (!target) return
    const { tensor: dx, accumulate } = target
    const { rounds, groups } = elementwiseGrid(g.engine, width * channels, batch * height)
    g.dispatch(shader, 'backward', { dy, dx }, { ...params, accumulate, rounds }, [groups, height, batch])
  })
  return y
}
