/** @file Windowed attention in float64 by plain loops: the reference of the attention tests. */

export interface AttentionCase {
  batch?: number
  height: number
  width: number
  /** Side of the windows in tokens; 0: global attention. */
  window: number
  heads: number
  head: number
  relative?: boolean
  bias?: boolean
}

export function sizes({ batch = 1, height, width, window, heads, head }: AttentionCase) {
  const sideH = window || height
  const sideW = window || width
  const down = Math.ceil(height / sideH)
  const across = Math.ceil(width / sideW)
  const tokens = batch * height * width
  const padded = down * sideH !== height || across * sideW !== width
  return { batch, sideH, sideW, down, across, tokens, padded, length: sideH * sideW, channels: heads * head }
}

export interface AttentionInputs {
  qkv: ArrayLike<number>
  h?: ArrayLike<number>
  w?: ArrayLike<number>
  bias?: ArrayLike<number>
}

/** (tokens, C) in the order of the image. */
export function attentionReference(c: AttentionCase, { qkv, h, w, bias }: AttentionInputs): Float64Array {
  const { batch, sideH, sideW, down, across, tokens, length, channels } = sizes(c)
  const { heads, head, height, width } = c
  const out = new Float64Array(tokens * channels)
  const rowAt = (b: number, wy: number, wx: number, i: number) => {
    const y = wy * sideH + Math.floor(i / sideW)
    const x = wx * sideW + (i % sideW)
    return y < height && x < width ? (b * height + y) * width + x : tokens
  }
  const inner = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) => {
    let sum = 0
    for (let k = 0; k < head; k++) sum += a[i + k] * b[j + k]
    return sum
  }
  for (let b = 0; b < batch; b++)
    for (let wy = 0; wy < down; wy++)
      for (let wx = 0; wx < across; wx++)
        for (let n = 0; n < heads; n++)
          for (let i = 0; i < length; i++) {
            const row = rowAt(b, wy, wx, i)
            if (row === tokens) continue
            const q = row * 3 * channels + n * head
            const qy = Math.floor(i / sideW)
            const qx = i % sideW
            const scores = Array.from({ length }, (_, j) => {
              let s = inner(qkv, q, qkv, (rowAt(b, wy, wx, j) * 3 + 1) * channels + n * head) / Math.sqrt(head)
              if (h) s += inner(qkv, q, h, (qy - Math.floor(j / sideW) + sideH - 1) * head)
              if (w) s += inner(qkv, q, w, (qx - (j % sideW) + sideW - 1) * head)
              if (bias) s += bias[(n * length + i) * length + j]
              return s
            })
            const top = Math.max(...scores)
            const weights = scores.map((s) => Math.exp(s - top))
            const sum = weights.reduce((x, y) => x + y, 0)
            weights.forEach((weight, j) => {
              const v = (rowAt(b, wy, wx, j) * 3 + 2) * channels + n * head
              for (let k = 0; k < head; k++) out[row * channels + n * head + k] += (weight / sum) * qkv[v + k]
            })
          }
  return out
}
