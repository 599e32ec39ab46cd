/** @file Recognises YOLO labels of key points, whose lines may have as many numbers as those of polygons. */

/** Key points may lie outside their box by this fraction of the image. */
const SLACK = 0.02

/**
 * True if the lines of a file are boxes with key points, of two numbers each or of three, the last 0, 1 or 2 for their visibility. As a
 * polygon such a line would have a corner, the box's width and height, far from the others.
 * @param lines the numbers of each line after its class
 */
export function areKeyPoints(lines: readonly (readonly number[])[]): boolean {
  const [first] = lines
  if (!first || first.length < 8 || lines.some(({ length }) => length !== first.length)) return false
  return isPose(lines, 3) || isPose(lines, 2)
}

function isPose(lines: readonly (readonly number[])[], perPoint: 2 | 3): boolean {
  if ((lines[0].length - 4) % perPoint) return false
  if (perPoint === 3 && !lines.every((line) => line.every((value, i) => i < 4 || i % 3 || [0, 1, 2].includes(value))))
    return false
  if (!lines.every((line) => isBoxOf(line, pointsOf(line, perPoint)))) return false
  // visibilities are proof enough
  return perPoint === 3 || lines.every((line) => isFar(line, pointsOf(line, perPoint)))
}

/** The key points of a line that are visible, or not said to be hidden. */
function pointsOf(line: readonly number[], perPoint: 2 | 3): [number, number][] {
  const points: [number, number][] = []
  for (let i = 4; i < line.length; i += perPoint)
    if (perPoint === 2 || line[i + 2] > 0) points.push([line[i], line[i + 1]])
  // a point at 0, 0 is one that is not in the image
  return points.filter(([x, y]) => x || y)
}

/** True if the first four numbers are a box around the points: its centre, width and height. */
const isBoxOf = ([x, y, width, height]: readonly number[], points: readonly [number, number][]) =>
  width > 0 &&
  height > 0 &&
  points.every(([px, py]) => Math.abs(px - x) <= width / 2 + SLACK && Math.abs(py - y) <= height / 2 + SLACK)

/** True if the box's size, taken as a point, is farther from its centre and the points than these are from each other. */
function isFar([x, y, width, height]: readonly number[], points: readonly [number, number][]): boolean {
  const xs = [x, ...points.map(([px]) => px)]
  const ys = [y, ...points.map(([, py]) => py)]
  const beyond = (value: number, list: number[]) => Math.max(Math.min(...list) - value, value - Math.max(...list))
  const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys))
  return Math.max(beyond(width, xs), beyond(height, ys)) > extent
}
