/** @file Draws mask numbers from pre-rendered digits, so that a thousand of them are fast. */

const height = 15
const digits = 10

export class Numbers {
  private readonly atlas = document.createElement('canvas')
  private readonly widths: number[] = []
  private readonly starts: number[] = []
  private readonly ratio = Math.max(1, Math.ceil(devicePixelRatio))

  constructor() {
    const font = '600 11px ui-sans-serif, system-ui, sans-serif'
    const measure = this.atlas.getContext('2d')!
    measure.font = font
    let x = 0
    for (let digit = 0; digit < digits; digit++) {
      this.starts.push(x)
      this.widths.push(measure.measureText(`${digit}`).width)
      x += Math.ceil(this.widths[digit]) + 4
    }
    this.atlas.width = x * this.ratio
    this.atlas.height = height * this.ratio
    const context = this.atlas.getContext('2d')!
    context.scale(this.ratio, this.ratio)
    context.font = font
    context.textBaseline = 'middle'
    context.lineJoin = 'round'
    context.lineWidth = 3
    context.strokeStyle = 'rgb(0 0 0 / 0.75)'
    context.fillStyle = '#ffffff'
    for (let digit = 0; digit < digits; digit++) {
      context.strokeText(`${digit}`, this.starts[digit] + 2, height / 2)
      context.fillText(`${digit}`, this.starts[digit] + 2, height / 2)
    }
  }

  width(number: number): number {
    return [...`${number}`].reduce((sum, digit) => sum + this.widths[Number(digit)], 0)
  }

  /** Draws a number centred at (x, y). */
  draw(context: CanvasRenderingContext2D, number: number, x: number, y: number): void {
    let left = x - this.width(number) / 2 - 2
    for (const text of `${number}`) {
      const digit = Number(text)
      const width = Math.ceil(this.widths[digit]) + 4
      context.drawImage(
        this.atlas,
        this.starts[digit] * this.ratio,
        0,
        width * this.ratio,
        height * this.ratio,
        left,
        y - height / 2,
        width,
        height,
      )
      left += this.widths[digit]
    }
  }
}
