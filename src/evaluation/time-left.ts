/** @file The time that a comparison still needs, from the contestants that were evaluated so far. */
import type { Identity } from './compare'

/**
 * Estimates the time left. The time of an image is about proportional to the pixels of the model's input, so that a model
 * that has not begun is estimated from the one before. The watershed takes little and is left out until it runs.
 */
export class TimeLeft {
  private current = ''
  private began: number
  private done = 0
  /** Seconds for an image and a pixel of the model's input, of the latest model; null before the first. */
  private perPixel: number | null = null
  private readonly finished = new Set<string>()

  /** @param now the current time in milliseconds; replaced in tests */
  constructor(
    private readonly contestants: readonly Pick<Identity, 'name' | 'size'>[],
    private readonly images: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.began = now()
    this.current = contestants[0]?.name ?? ''
  }

  /** Reports that `done` of a contestant's images are done. Contestants are evaluated in their order. */
  update(name: string, done: number): void {
    this.current = name
    this.done = done
    const size = this.contestants.find((one) => one.name === name)?.size
    if (size && done) this.perPixel = this.perImage / size ** 2
    if (done < this.images) return
    this.finished.add(name)
    this.began = this.now()
    this.done = 0
  }

  /** Null before anything can be said. */
  get seconds(): number | null {
    const running = this.done > 0
    if (this.perPixel === null && !running) return null
    let sum = 0
    for (const { name, size } of this.contestants) {
      if (this.finished.has(name)) continue
      if (name === this.current && running) sum += (this.images - this.done) * this.perImage
      else if (size) {
        if (this.perPixel === null) return null
        sum += this.images * this.perPixel * size ** 2
      }
    }
    return sum
  }

  private get perImage(): number {
    return (this.now() - this.began) / 1000 / this.done
  }
}
