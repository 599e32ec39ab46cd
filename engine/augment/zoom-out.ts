/** @file Zooming out: particles become smaller, and the image is continued beyond its edges by mirrored copies. */
import { MAX_LABEL } from '../image/label-map'
import type { Rng } from '../rng'
import type { Sample } from '../image/sample'
import { blurred, takeWindow } from './resample'

/**
 * The sample made smaller by `factor` (at least 1), at a random position on a canvas of the original size; mirrored copies
 * fill the rest. Particles get new labels in each copy. A particle at a seam, which merges with its mirror image, gets
 * none, so that training does not use it.
 */
export function zoomedOut(sample: Sample, rng: Rng, factor: number): Sample {
  const { width, height } = sample
  const whole = { x: width / 2, y: height / 2, width, height, angle: 0 }
  // blurred before it is made smaller, to avoid aliasing
  const small = takeWindow(blurred(sample, (factor - 1) / 2), { ...whole, zoom: 1 / factor })
  const columns = mirrored(width, small.width, rng.int(width - small.width + 1))
  const rows = mirrored(height, small.height, rng.int(height - small.height + 1))
  const labelsOf = numbering(small)
  const rgb = new Uint8Array(width * height * 3)
  const labels = new Uint16Array(width * height)
  for (let y = 0, to = 0; y < height; y++) {
    const row = rows[y]
    for (let x = 0; x < width; x++, to++) {
      const column = columns[x]
      const at = row.from * small.width + column.from
      labels[to] = labelsOf(column.copy, row.copy)[small.labels[at]]
      for (let c = 0; c < 3; c++) rgb[3 * to + c] = small.rgb[3 * at + c]
    }
  }
  return { width, height, rgb, labels }
}

/** One of the copies along one axis. */
interface Copy {
  number: number
  /** True if there is another copy beyond the image's first edge (left, top), and beyond its last. */
  first: boolean
  last: boolean
}

/**
 * For each of `length` rows or columns, the row or column of the small image that it shows, and the copy it belongs to.
 * Copies have `size` rows, one of them starts at `offset`, and every second one is mirrored.
 */
function mirrored(length: number, size: number, offset: number): { from: number; copy: Copy }[] {
  const inside = (seam: number) => seam > 0 && seam < length
  const copies = new Map<number, Copy>()
  return Array.from({ length }, (_, i) => {
    const number = Math.floor((i - offset) / size)
    const start = offset + number * size
    const straight = number % 2 === 0
    let copy = copies.get(number)
    if (!copy) {
      const seams = [inside(start), inside(start + size)]
      const [first, last] = straight ? seams : seams.reverse()
      copies.set(number, (copy = { number, first, last }))
    }
    return { from: straight ? i - start : size - 1 - (i - start), copy }
  })
}

/** New labels by the old ones, for each copy; 0 for particles that a seam cuts, and after MAX_LABEL labels are used up. */
function numbering({ width, height, labels }: Sample): (column: Copy, row: Copy) => Uint16Array {
  const known = new Set(labels)
  known.delete(0)
  const column = (x: number) => Array.from({ length: height }, (_, y) => labels[y * width + x])
  const [left, right] = [new Set(column(0)), new Set(column(width - 1))]
  const [top, bottom] = [new Set(labels.subarray(0, width)), new Set(labels.subarray((height - 1) * width))]
  const tables = new Map<Copy, Map<Copy, Uint16Array>>()
  let last = 0
  const table = (across: Copy, down: Copy) => {
    const numbers = new Uint16Array(MAX_LABEL + 1)
    for (const id of known) {
      const cut =
        (across.first && left.has(id)) ||
        (across.last && right.has(id)) ||
        (down.first && top.has(id)) ||
        (down.last && bottom.has(id))
      if (!cut && last < MAX_LABEL) numbers[id] = ++last
    }
    return numbers
  }
  return (across, down) => {
    let line = tables.get(down)
    if (!line) tables.set(down, (line = new Map()))
    let numbers = line.get(across)
    if (!numbers) line.set(across, (numbers = table(across, down)))
    return numbers
  }
}
