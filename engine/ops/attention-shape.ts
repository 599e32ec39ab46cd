/** @file Options of windowed attention, and the sizes that its kernels share. */
import type { Tensor } from '../device/tensor'
import type { WindowMap } from './windows'

export interface AttentionOptions {
  heads: number
  map: WindowMap
  /** SAM's decomposed relative positions: (2 sideH - 1, head_dim) and (2 sideW - 1, head_dim). Frozen. */
  relPos?: { h: Tensor; w: Tensor }
  /** Added to the scores (heads, length, length). Frozen. */
  bias?: Tensor
}

const MAX_HEAD = 128

/** The sizes that the kernels share. @throws Error if the tensors do not fit each other */
export function attentionShape(qkv: Tensor, { heads, map, relPos, bias }: AttentionOptions) {
  const channels = qkv.columns / 3
  const head = channels / heads
  const rows = map.tokens + (map.pads ? 1 : 0)
  if (!Number.isInteger(head) || head % 4 || head > MAX_HEAD)
    throw new Error(
      `attention: ${qkv.columns} columns of q, k and v are not 3 x ${heads} heads of 4, 8, ... ${MAX_HEAD}`,
    )
  if (qkv.rows !== rows)
    throw new Error(
      `attention: ${qkv.label} has ${qkv.rows} rows; ${map.tokens} tokens with ${map.pads} padded need ${rows}`,
    )
  const checkShape = (what: string, tensor: Tensor, shape: number[]) => {
    if (`${tensor.shape}` !== `${shape}`)
      throw new Error(`attention: ${what} ${tensor.label} is [${tensor.shape}], not [${shape}]`)
  }
  if (relPos) {
    checkShape('the relative positions', relPos.h, [2 * map.sideH - 1, head])
    checkShape('the relative positions', relPos.w, [2 * map.sideW - 1, head])
  }
  if (bias) checkShape('the bias', bias, [heads, map.length, map.length])
  const quads = Math.ceil(map.length / 4)
  return {
    map,
    channels,
    head,
    scale: head ** -0.5,
    params: { length: map.length, quads, heads, head4: head / 4, channels4: channels / 4, tokens: map.tokens },
  }
}

export type AttentionShape = ReturnType<typeof attentionShape>
