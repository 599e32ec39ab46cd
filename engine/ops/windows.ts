/** @file Which token stands where when an image's tokens are partitioned into windows, as SAM's and TinyViT's encoders do. */
import type { Engine } from '../device/engine'
import type { Tensor } from '../device/tensor'

export interface WindowShape {
  batch: number
  /** Grid of tokens of one image. */
  height: number
  width: number
  /** Side of the square windows; 0 for one window over the whole image. */
  window: number
}

export interface WindowMap {
  /**
   * u32, windows * length: the row of the token at each position of each window, row = (b * height + y) * width + x.
   * Positions right of or below the image are padding and have rows of their own: tokens, tokens + 1, ...
   */
  rows: Tensor
  windows: number
  /** Positions of one window, sideH rows of sideW. */
  sideH: number
  sideW: number
  length: number
  tokens: number
  /** Padded positions of all windows. */
  pads: number
}

const maps = new WeakMap<Engine, Map<string, WindowMap>>()

/** The map of a shape, made once an engine. Windows go by image, then row by row; positions inside them too. */
export function windowMap(engine: Engine, shape: WindowShape): WindowMap {
  const known = maps.get(engine) ?? new Map<string, WindowMap>()
  maps.set(engine, known)
  const { batch, height, width, window } = shape
  const key = `${batch}x${height}x${width}/${window}`
  let map = known.get(key)
  if (!map) known.set(key, (map = build(engine, shape, key)))
  return map
}

function build(engine: Engine, { batch, height, width, window }: WindowShape, key: string): WindowMap {
  const sideH = window || height
  const sideW = window || width
  const down = Math.ceil(height / sideH)
  const across = Math.ceil(width / sideW)
  const windows = batch * down * across
  const length = sideH * sideW
  const tokens = batch * height * width
  const rows = new Uint32Array(windows * length)
  let pads = 0
  for (let i = 0; i < rows.length; i++) {
    const w = Math.floor(i / length)
    const position = i % length
    const b = Math.floor(w / (down * across))
    const y = (Math.floor(w / across) % down) * sideH + Math.floor(position / sideW)
    const x = (w % across) * sideW + (position % sideW)
    rows[i] = y < height && x < width ? (b * height + y) * width + x : tokens + pads++
  }
  const tensor = engine.persistent('weight', `window map ${key}`, [rows.length], rows)
  return { rows: tensor, windows, sideH, sideW, length, tokens, pads }
}
