/** @file Reads and writes one region of interest (.roi) of ImageJ, all numbers big-endian. */
import type { MaskPolygon } from '../contours'
import { ellipse, PointBudget, rectangle } from './primitives'

const HEADER = 64
const VERSION = 227
/** Offsets of the header's fields. */
const AT = {
  version: 4,
  type: 6,
  top: 8,
  left: 10,
  bottom: 12,
  right: 14,
  count: 16,
  exact: 18,
  shapeSize: 36,
  subtype: 48,
  options: 50,
  arc: 54,
  position: 56,
  header2: 60,
}
/** Offsets in the second header, which is anywhere in the file. Channels show the same field, so theirs does not matter. */
const AT2 = { slice: 8, frame: 12 }
/** Subtypes of regions that lie above the image, as rectangles. */
const ABOVE: Record<number, string> = { 1: 'a text', 4: 'an image above the image' }
/** Numbers of the types of regions. */
const TYPE = {
  polygon: 0,
  rectangle: 1,
  oval: 2,
  line: 3,
  freeLine: 4,
  polyline: 5,
  none: 6,
  freehand: 7,
  traced: 8,
  angle: 9,
  point: 10,
}
/** The option that coordinates are also stored as floats. */
const SUBPIXEL = 128
/** Segments of a composite region, with the number of their coordinates. */
const SEGMENT = { move: 0, line: 1, quadratic: 2, cubic: 3, close: 4 }
const segmentCoordinates = [2, 2, 4, 6, 0]
/** Straight parts into which a curve of a composite region is divided. */
const CURVE_PARTS = 8

export interface Roi {
  /** Polygons, united by the even-odd rule for composite regions; a text: what the region is instead. */
  outline: number[][] | string
  /** The image of a stack that it belongs to ("3", or of a hyperstack "slice 3 frame 2"); '' if it belongs to all. */
  position: string
}

/** Reads a .roi file. @throws Error if it is damaged */
export function readRoi(bytes: Uint8Array, closeLines: boolean, budget = new PointBudget()): Roi {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < HEADER || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== 'Iout')
    throw new Error('it is not a region of ImageJ (.roi)')
  try {
    const outline = outlineOf(view, closeLines)
    if (typeof outline !== 'string') for (const polygon of outline) budget.take(polygon)
    return { outline, position: positionOf(view) }
  } catch (error) {
    throw error instanceof RangeError ? new Error('the region is cut off') : error
  }
}

function positionOf(view: DataView): string {
  const header = view.getInt32(AT.header2)
  const of = (at: number) => (header > 0 && header + at + 4 <= view.byteLength ? view.getInt32(header + at) : 0)
  const [slice, frame] = [of(AT2.slice), of(AT2.frame)]
  const places = [slice > 0 && `slice ${slice}`, frame > 0 && `frame ${frame}`].filter(Boolean)
  const position = view.getInt32(AT.position)
  return places.length ? places.join(' ') : position > 0 ? String(position) : ''
}

function outlineOf(view: DataView, closeLines: boolean): number[][] | string {
  const type = view.getUint8(AT.type)
  const [top, left, bottom, right] = [AT.top, AT.left, AT.bottom, AT.right].map((at) => view.getInt16(at))
  const above = view.getUint16(AT.version) >= 218 ? ABOVE[view.getUint16(AT.subtype)] : undefined
  if (type === TYPE.rectangle && above) return above
  const subpixel = (view.getUint16(AT.options) & SUBPIXEL) !== 0 && view.getUint16(AT.version) >= 222
  if (type === TYPE.rectangle && view.getInt32(AT.shapeSize) > 0) return [composite(view, view.getInt32(AT.shapeSize))]
  if (type === TYPE.rectangle || type === TYPE.oval) {
    if (type === TYPE.rectangle && view.getUint16(AT.arc)) return 'a rounded rectangle'
    const exact = subpixel ? [0, 1, 2, 3].map((i) => view.getFloat32(AT.exact + 4 * i)) : []
    const [x, y, width, height] = exact.length && exact[2] > 0 ? exact : [left, top, right - left, bottom - top]
    if (!(width > 0 && height > 0)) return 'a region without an area'
    if (type === TYPE.rectangle) return [rectangle(x, y, x + width, y + height)]
    return [ellipse(x + width / 2, y + height / 2, width / 2, height / 2)]
  }
  const open = [TYPE.line, TYPE.freeLine, TYPE.polyline, TYPE.angle].includes(type)
  if (type === TYPE.line || type === TYPE.angle) return 'a line'
  if (open && !closeLines) return 'an open line'
  if (type === TYPE.point) return 'a point'
  if (!open && ![TYPE.polygon, TYPE.freehand, TYPE.traced].includes(type)) return `a region of type ${type}`
  // more than 65,535 points have their number elsewhere
  const count = view.getUint16(AT.count) || (view.getUint16(AT.version) >= 228 ? view.getInt32(AT.exact) : 0)
  if (count < 3) return 'a polygon of fewer than three points'
  const points: number[] = []
  const floats = HEADER + 4 * count
  for (let i = 0; i < count; i++)
    if (subpixel) points.push(view.getFloat32(floats + 4 * i), view.getFloat32(floats + 4 * (count + i)))
    else points.push(left + view.getInt16(HEADER + 2 * i), top + view.getInt16(HEADER + 2 * (count + i)))
  return [points]
}

/** The rings of a composite region, as one polygon whose rings are connected by lines there and back. */
function composite(view: DataView, size: number): number[] {
  if (HEADER + 4 * size > view.byteLength) throw new Error('the region is cut off')
  const rings: [number, number][][] = []
  const float = (i: number) => view.getFloat32(HEADER + 4 * i)
  let ring: [number, number][] = []
  for (let at = 0; at < size;) {
    const kind = float(at++)
    const coordinates = segmentCoordinates[kind]
    if (coordinates === undefined) throw new Error(`the region has an unknown segment ${kind}`)
    const values = Array.from({ length: coordinates }, (_, i) => float(at + i))
    at += coordinates
    if (kind === SEGMENT.move) rings.push((ring = []))
    if (kind === SEGMENT.quadratic || kind === SEGMENT.cubic) ring.push(...curve(ring[ring.length - 1], values))
    else if (kind !== SEGMENT.close) ring.push([values[0], values[1]])
  }
  // out to each ring from the first corner of the first and back: by the even-odd rule the lines have no area
  const [start] = rings[0] ?? []
  return rings.flatMap((points, i) => (i ? [...points, points[0], start] : [...points, start]).flat())
}

/** Points of a Bézier curve after its start. */
function curve(start: [number, number], values: number[]): [number, number][] {
  if (!start) throw new Error('the region begins with a curve')
  const controls = [start, ...values.flatMap((x, i): [number, number][] => (i % 2 ? [] : [[x, values[i + 1]]]))]
  return Array.from({ length: CURVE_PARTS }, (_, i) => {
    const t = (i + 1) / CURVE_PARTS
    let points = controls
    while (points.length > 1)
      points = points.slice(1).map(([x, y], k) => [points[k][0] * (1 - t) + x * t, points[k][1] * (1 - t) + y * t])
    return points[0]
  })
}

/** The largest coordinate and number of points of a plain polygon; others are written as composite regions. */
const MAX_SHORT = 32_767
const MAX_COUNT = 65_535

/** The bytes of a .roi file of a mask: a traced polygon, or a composite region if there are holes or several components. */
export function writeRoi(polygons: readonly MaskPolygon[]): Buffer {
  const rings = polygons.flatMap(({ outer, holes }) => [outer, ...holes])
  const corners = rings.flat()
  const [xs, ys] = [0, 1].map((k) => corners.map((corner) => corner[k]))
  const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b), Infinity)
  const most = (values: number[]) => values.reduce((a, b) => Math.max(a, b), -Infinity)
  const [left, top, right, bottom] = [least(xs), least(ys), most(xs), most(ys)]
  const plain = rings.length === 1 && most([right, bottom]) <= MAX_SHORT && corners.length <= MAX_COUNT
  const segments = plain
    ? []
    : rings.flatMap((ring) => [...ring.flatMap(([x, y], i) => [i ? SEGMENT.line : SEGMENT.move, x, y]), SEGMENT.close])
  const file = Buffer.alloc(HEADER + (plain ? 4 * corners.length : 4 * segments.length))
  file.write('Iout', 'latin1')
  file.writeUInt16BE(VERSION, AT.version)
  file[AT.type] = plain ? TYPE.traced : TYPE.rectangle
  ;[top, left, bottom, right].forEach((value, i) => file.writeInt16BE(Math.min(value, MAX_SHORT), AT.top + 2 * i))
  if (plain) {
    file.writeUInt16BE(corners.length, AT.count)
    corners.forEach(([x, y], i) => {
      file.writeInt16BE(x - left, HEADER + 2 * i)
      file.writeInt16BE(y - top, HEADER + 2 * (corners.length + i))
    })
  } else {
    file.writeInt32BE(segments.length, AT.shapeSize)
    segments.forEach((value, i) => file.writeFloatBE(value, HEADER + 4 * i))
  }
  return file
}
