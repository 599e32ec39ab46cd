/** @file Float64 convolutions in NHWC with weights in the order of checkpoints, for the tests of several operations. */

export interface ConvShape {
  batch: number
  height: number
  width: number
  cin: number
  cout: number
  kernel: number
  stride: number
  pad: number
  /** Each output channel reads only the input channel of the same number; the weight is (cout, 1, k, k). */
  depthwise?: boolean
}

/** x (B, H, W, cin), weight (cout, cin, k, k), bias (cout) or null, to (B, Ho, Wo, cout). */
export function convolution(
  s: ConvShape,
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number> | null,
): Float64Array {
  const { kernel: k, stride, pad } = s
  const ho = Math.floor((s.height + 2 * pad - k) / stride) + 1
  const wo = Math.floor((s.width + 2 * pad - k) / stride) + 1
  const out = new Float64Array(s.batch * ho * wo * s.cout)
  const depth = s.depthwise ? 1 : s.cin
  let at = 0
  for (let b = 0; b < s.batch; b++)
    for (let oy = 0; oy < ho; oy++)
      for (let ox = 0; ox < wo; ox++)
        for (let o = 0; o < s.cout; o++) {
          let sum = bias ? bias[o] : 0
          for (let ky = 0; ky < k; ky++)
            for (let kx = 0; kx < k; kx++) {
              const y = oy * stride + ky - pad
              const column = ox * stride + kx - pad
              if (y < 0 || y >= s.height || column < 0 || column >= s.width) continue
              const pixel = ((b * s.height + y) * s.width + column) * s.cin
              for (let c = 0; c < depth; c++)
                sum += x[pixel + (s.depthwise ? o : c)] * weight[((o * depth + c) * k + ky) * k + kx]
            }
          out[at++] = sum
        }
  return out
}
