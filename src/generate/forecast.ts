/** @file How long a generation will take, from its first prompts: said before hours are spent on a slow adapter. */
import { duration } from '../host/progress'

/** A forecast is made once this much of the first image's prompts is answered, and no earlier than after two rounds of them. */
const ENOUGH = 0.02
/** Seconds from which a smaller grid is proposed. */
const LONG = 600
/** The smallest grid that is proposed. */
const SMALLEST_GRID = 8

/** A duration without its seconds, where there are minutes. */
const roughly = (seconds: number) => duration(seconds).replace(/ \d\d s$/, '')

/** Watches the first image and says once what all of them will take. */
export class Forecast {
  private first: { seconds: number; fraction: number } | null = null
  private said = false

  /** @param pointsPerSide of the grid; null if prompts are no grid */
  constructor(
    private readonly images: number,
    private readonly pointsPerSide: number | null,
  ) {}

  /**
   * @param seconds since the first image began, its encoding included
   * @param fraction of its prompts that are answered
   * @returns a line for people, once; null before and after it
   */
  update(seconds: number, fraction: number): string | null {
    if (this.said || fraction <= 0) return null
    if (!this.first) {
      this.first = { seconds, fraction }
      return null
    }
    if (fraction < ENOUGH || fraction <= this.first.fraction) return null
    this.said = true
    const perFraction = (seconds - this.first.seconds) / (fraction - this.first.fraction)
    // what the first answers took beyond their share is the encoding
    const fixed = Math.max(0, this.first.seconds - perFraction * this.first.fraction)
    const total = (share: number) => this.images * (fixed + share * perFraction)
    const all = total(1)
    const line = `forecast: about ${roughly(all)} for ${this.images === 1 ? 'the image' : `all ${this.images} images`}`
    if (all < LONG || this.pointsPerSide === null) return line
    if (this.pointsPerSide <= SMALLEST_GRID)
      return `${line}. --method watershed takes seconds an image, and needs no model; Ctrl-C ends, and keeps finished images`
    const smaller = Math.max(SMALLEST_GRID, this.pointsPerSide >> 1)
    return (
      `${line}, with ${this.pointsPerSide} x ${this.pointsPerSide} points on this adapter. ` +
      `--points-per-side ${smaller} takes about ${roughly(total((smaller / this.pointsPerSide) ** 2))}, and is enough where ` +
      'particles are not small; Ctrl-C ends, and keeps finished images'
    )
  }
}
