/** @file The partition of an image's tokens into square windows, as in the encoders of SAM and TinyViT. */
import type { Engine } from '../device/engine'
import type { Tensor } from '../device/tensor'

export interface WindowShape {
  batch: number
  /** Tokens of one image: rows and columns. */
  height: number
  width: number
  /** Side of the square windows; 0 for one window over the whole image. */
  window: number
}

export interface WindowMap {
  /**
   * u32, windows * length: the row of the token at each position of each window, row = (b * height + y) * width + x.
   * Positions right of or below the image are padding; they are numbered tokens, tokens + 1, ...
   */
  rows: Tensor
  windows: number
  /** Rows and columns of a window, and its number of positions. */
  sideH: number
  sideW: number
  length: number
  tokens: number
  /** The number of padded positions in all windows. */
  pads: number
}

const maps = new WeakMap<Engine, Map<string, WindowMap>>()

/**
 * The map of a shape, created once per engine. Windows are ordered by image, then row by row; so are the positions inside
 * a window.
 */
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
