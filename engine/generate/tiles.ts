/** @file Tiles of a large image: equal squares that overlap, each with a core that is its own. */
import type { Size } from '../image/size'
import type { Region } from '../image/box'

export interface Tile {
  /** The part of the image that is encoded. */
  region: Region
  /** The part whose particles this tile finds: the cores of all tiles partition the image. */
  core: Region
}

/**
 * Row by row. Neighbours overlap by 2·halo or more; a core ends in the middle of the overlap, so that from every point of
 * it the tile reaches on for at least `halo` pixels, or to the image's edge. An image no larger than a tile is one tile.
 */
export function tilesOf({ width, height }: Size, tileSize: number, halo: number): Tile[] {
  const [xs, ys] = [spans(width, tileSize, halo), spans(height, tileSize, halo)]
  return ys.flatMap((y) =>
    xs.map((x): Tile => ({
      region: { left: x.from, top: y.from, right: x.to, bottom: y.to },
      core: { left: x.coreFrom, top: y.coreFrom, right: x.coreTo, bottom: y.coreTo },
    })),
  )
}

function spans(length: number, tile: number, halo: number) {
  const side = Math.min(tile, length)
  const count = side === length ? 1 : Math.ceil((length - 2 * halo) / (tile - 2 * halo))
  // shared out evenly, so that all tiles are of one size and the last overlaps no more than the others
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
