/**
 * @file Rectangles of pixels, in two forms that the compiler tells apart. A Box names the outermost pixels themselves; a
 * Region names the edges between pixels, so its right and bottom are one past the last pixel.
 */
import type { Size } from './size'

/** A position in pixels of an image. */
export type Point = [x: number, y: number]

/** A bounding box: its first and last column and row, all inclusive. */
export interface Box {
  x0: number
  y0: number
  x1: number
  y1: number
}

/** A rectangular part of an image, such as a crop or a tile: right and bottom are exclusive. */
export interface Region {
  left: number
  top: number
  right: number
  bottom: number
}

/** The region of the pixels of a box. */
export const boxToRegion = ({ x0, y0, x1, y1 }: Box): Region => ({ left: x0, top: y0, right: x1 + 1, bottom: y1 + 1 })

/** The box of the pixels of a region that is not empty. */
export const regionToBox = ({ left, top, right, bottom }: Region): Box => ({
  x0: left,
  y0: top,
  x1: right - 1,
  y1: bottom - 1,
})

/** A region in the form of COCO's files: left, top, width, height. */
export type XYWH = [x: number, y: number, width: number, height: number]

export const regionToXYWH = ({ left, top, right, bottom }: Region): XYWH => [left, top, right - left, bottom - top]

export const regionFromXYWH = ([left, top, width, height]: Readonly<XYWH>): Region => ({
  left,
  top,
  right: left + width,
  bottom: top + height,
})

/** The region of a whole image. */
export const wholeRegion = ({ width, height }: Size): Region => ({ left: 0, top: 0, right: width, bottom: height })

export const regionSize = ({ left, top, right, bottom }: Region): Size => ({
  width: right - left,
  height: bottom - top,
})

export const sameRegion = (a: Region, b: Region): boolean =>
  a === b || (a.left === b.left && a.top === b.top && a.right === b.right && a.bottom === b.bottom)

/** True if two regions share a pixel. */
export const regionsOverlap = (a: Region, b: Region): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

/** The pixels that two regions share; null if there are none. */
export function intersectRegions(a: Region, b: Region): Region | null {
  if (!regionsOverlap(a, b)) return null
  return {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  }
}

/** A box in pixels of a region, in pixels of the image that contains the region. */
export const boxInImage = ({ x0, y0, x1, y1 }: Box, { left, top }: Region): Box => ({
  x0: x0 + left,
  y0: y0 + top,
  x1: x1 + left,
  y1: y1 + top,
})

/** The smallest box around some boxes. */
export const boxAround = (boxes: readonly Box[]): Box => ({
  x0: Math.min(...boxes.map(({ x0 }) => x0)),
  y0: Math.min(...boxes.map(({ y0 }) => y0)),
  x1: Math.max(...boxes.map(({ x1 }) => x1)),
  y1: Math.max(...boxes.map(({ y1 }) => y1)),
})

/** The smallest region around some regions. */
export const regionAround = (regions: readonly Region[]): Region => ({
  left: Math.min(...regions.map(({ left }) => left)),
  top: Math.min(...regions.map(({ top }) => top)),
  right: Math.max(...regions.map(({ right }) => right)),
  bottom: Math.max(...regions.map(({ bottom }) => bottom)),
})

/** A text that is the same for equal regions only. */
export const regionKey = ({ left, top, right, bottom }: Region): string => `${left},${top},${right},${bottom}`
