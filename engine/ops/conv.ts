/** @file 3x3 convolution of NHWC tensors as matrix products over unfolded pixels (im2col), in chunks. */
import shader from '../../shaders/im2col.wgsl'
import { type Graph, grid1d } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'
import { gemm } from './gemm'
import { addBiasGradient, type Linear } from './linear'

/** Unfolded pixels take nine times the memory of the input, so they are computed and used in chunks of at most this many bytes. */
const SCRATCH_BYTES = 32 << 20

export interface Conv3x3 extends Linear {
  batch: number
  height: number
  width: number
  stride: 1 | 2
  /** Maximum size of a chunk's unfolded pixels, in bytes; set by tests. */
  scratchBytes?: number
}

interface Chunk {
  /** Output pixels start .. start + count (exclusive), counted through all images. */
  start: number
  count: number
  /** Input pixels first .. first + pixels (exclusive) that these read, in whole lines. */
  first: number
  pixels: number
}

/**
 * x (B·H·W, cin) to (B·Ho·Wo, cout) with padding 1 and Ho = ceil(H / stride). The weight is (cout, 9·cin), columns in
 * order (ky, kx, cin), as `toConvWeight` returns it. The gradients of weight and bias are computed only if they require them.
 * @throws Error if x has another size, or LoRA is attached, which a 3x3 convolution does not have
 */
export function conv3x3(g: Graph, x: Tensor, o: Conv3x3): Tensor {
  const { batch, height, width, stride, weight, bias } = o
  const [cout, k] = weight.shape
  const channels = k / 9
  if (x.size !== batch * height * width * channels)
    throw new Error(`${weight.label} [${weight.shape}]: x [${x.shape}] is not ${batch}x${height}x${width}x${channels}`)
  if (o.lora) throw new Error(`${weight.label}: a 3x3 convolution has no LoRA`)
  const outHeight = Math.ceil(height / stride)
  const outWidth = Math.ceil(width / stride)
  const outputs = batch * outHeight * outWidth
  const y = g.tensor(`${weight.label}: y`, [outputs, cout])
  const chunks = chunksOf(o, { outHeight, outWidth, k })
  const params = (chunk: Chunk, accumulate: 0 | 1) => ({
    height,
    width,
    channels,
    stride,
    out_height: outHeight,
    out_width: outWidth,
    accumulate,
    rounds: 1,
    ...chunk,
  })
  const scratch = ({ count }: Chunk, what: string) => g.tensor(`${weight.label}: ${what}`, [count, k])
  const unfold = (chunk: Chunk): Tensor => {
    const columns = scratch(chunk, 'unfolded pixels')
    if (channels % 4) g.dispatch(shader, 'im2col', { x, columns_out: columns }, params(chunk, 0), grid1d(columns.size))
    else {
      const { rounds, groups } = elementwiseGrid(g.engine, k / 4, chunk.count)
      const values = { ...params(chunk, 0), channels: channels / 4, rounds }
      g.dispatch(shader, 'im2col4', { x4: x, columns4_out: columns }, values, [groups, ...grid1d(chunk.count, 1)])
    }
    return columns
  }

  for (const chunk of chunks) {
    const { start, count } = chunk
    const columns = unfold(chunk)
    const c = { tensor: y, stride: cout, offset: start * cout }
    gemm(g, {
      layout: 'nt',
      m: count,
      n: cout,
      k,
      a: { tensor: columns, stride: k },
      b: { tensor: weight, stride: k },
      c,
      bias,
    })
  }

  g.record([x, weight, bias], y, (dy) => {
    const dw = g.gradientTarget(weight)
    // the pixels are unfolded again: kept since the forward pass they would take nine times the memory of x
    if (dw)
      chunks.forEach((chunk, i) =>
        gemm(g, {
          layout: 'tn',
          m: cout,
          n: k,
          k: chunk.count,
          a: { tensor: dy, stride: cout, offset: chunk.start * cout },
          b: { tensor: unfold(chunk), stride: k },
          c: { tensor: dw.tensor, stride: k },
          accumulate: i === 0 ? dw.accumulate : 1,
        }),
      )
    addBiasGradient(g, bias, dy)
    const dx = g.gradientTarget(x)
    if (!dx) return
    chunks.forEach((chunk, i) => {
      const columns = scratch(chunk, 'gradient of the unfolded pixels')
      const a = { tensor: dy, stride: cout, offset: chunk.start * cout }
      gemm(g, {
        layout: 'nn',
        m: chunk.count,
        n: k,
        k: cout,
        a,
        b: { tensor: weight, stride: k },
        c: { tensor: columns, stride: k },
      })
      // the first chunk writes all of dx (zeros where it has no gradient); the others add to the lines that they reach
      const reach = i === 0 ? { ...chunk, first: 0, pixels: batch * height * width } : chunk
      const values = params(reach, i === 0 ? dx.accumulate : 1)
      g.dispatch(shader, 'col2im', { columns, dx: dx.tensor }, values, grid1d(reach.pixels * channels))
    })
  })
  return y
}

function chunksOf(o: Conv3x3, { outHeight, outWidth, k }: { outHeight: number; outWidth: number; k: number }): Chunk[] {
  const { batch, height, width, stride, scratchBytes = SCRATCH_BYTES } = o
  const outputs = batch * outHeight * outWidth
  const size = Math.max(1, Math.floor(scratchBytes / (4 * k)))
  /** The input line, counted through all images, that an output pixel reads at kernel row ky, clamped to its image. */
  const lineOf = (pixel: number, ky: 0 | 2) => {
    const line = Math.floor(pixel / outWidth)
    const y = (line % outHeight) * stride + ky - 1
    return Math.floor(line / outHeight) * height + Math.min(height - 1, Math.max(0, y))
  }
  const chunks: Chunk[] = []
  for (let start = 0; start < outputs; start += size) {
    const count = Math.min(size, outputs - start)
    const top = lineOf(start, 0)
    const bottom = lineOf(start + count - 1, 2)
    chunks.push({ start, count, first: top * width, pixels: (bottom + 1 - top) * width })
  }
  return chunks
}
