/** @file A bright disc on noise with its label map, for tests that need one particle. */
import { type RgbImage, Rng } from '../../engine/index'

const [WIDTH, HEIGHT, X, Y, RADIUS] = [60, 40, 25, 18, 10]

export function discScene() {
  const rng = new Rng(1)
  const labels = Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) =>
    ((i % WIDTH) - X) ** 2 + (Math.floor(i / WIDTH) - Y) ** 2 < RADIUS ** 2 ? 1 : 0,
  )
  const rgb = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => rng.int(60) + 150 * labels[Math.floor(i / 3)])
  const area = labels.reduce((sum, label) => sum + label, 0)
  const reach = RADIUS - 1
  const instance = { id: 1, area, x0: X - reach, y0: Y - reach, x1: X + reach, y1: Y + reach }
  const image: RgbImage = { width: WIDTH, height: HEIGHT, rgb }
  return { image, labels, instance }
}
