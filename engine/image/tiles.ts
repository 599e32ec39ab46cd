/** @file Tiles of a large image: overlapping squares of equal size, each with a core that belongs to it alone. */
import type { Region } from './box'
import type { Size } from './size'

export interface Tile {
  /** The part of the image that is encoded. */
  region: Region
  /** The part in which this tile's prompts are: the cores of all tiles partition the image. */
  core: Region
}

/**
 * The tiles of an image, row by row. Neighbours overlap by at least 2 * halo. A core ends in the middle of the overlap, so
 * the tile extends at least `halo` pixels beyond every point of its core, or to the edge of the image. An image that is no
 * larger than a tile is one tile.
 */
export function tileRegions({ width, height }: Size, tileSize: number, halo: number): Tile[] {
  const [xs, ys] = [spans(width, tileSize, halo), spans(height, tileSize, halo)]
  return ys.flatMap((y) =>
    xs.map((x): Tile => ({
      region: { left: x.from, top: y.from, right: x.to, bottom: y.to },
      core: { left: x.coreFrom, top: y.coreFrom, right: x.coreTo, bottom: y.coreTo },
    })),
  )
}

/** The number of tiles that `tileRegions` returns. */
export const tileCount = ({ width, height }: Size, tileSize: number, halo: number): number =>
  spanCount(width, tileSize, halo) * spanCount(height, tileSize, halo)

const spanCount = (length: number, tileSize: number, halo: number): number =>
  tileSize >= length ? 1 : Math.ceil((length - 2 * halo) / (tileSize - 2 * halo))

/** The tiles and cores along one axis of the image. */
function spans(length: number, tileSize: number, halo: number) {
  const side = Math.min(tileSize, length)
  const count = spanCount(length, tileSize, halo)
  // spaced evenly: all tiles have one size, and the last overlaps no more than the others
  const from = Array.from({ length: count }, (_, i) =>
    count > 1 ? Math.round((i * (length - side)) / (count - 1)) : 0,
  )
  const seam = (i: number) => Math.round((from[i] + from[i - 1] + side) / 2)
  return from.map((start, i) => ({
    from: start,
    to: start + side,
    coreFrom: i ? seam(i) : 0,
    coreTo: i + 1 < count ? seam(i + 1) : length,
  }))
}
