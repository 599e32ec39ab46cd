/** @file The picture under the masks, its gray levels stretched by a table: prepared once, then only drawn. */
import { signal } from '@preact/signals'

export interface Levels {
  /** Gray values, 0 to 255, that become black and white. */
  black: number
  white: number
  /** 1 is as it is; above 1 lifts the dark parts. */
  gamma: number
}

export const plainLevels: Levels = { black: 0, white: 255, gamma: 1 }

export class Picture {
  readonly levels = signal<Levels>(plainLevels)
  readonly width: number
  readonly height: number
  /** What is drawn. */
  readonly canvas: HTMLCanvasElement
  private readonly context: CanvasRenderingContext2D
  private readonly original: ImageData

  private constructor(bitmap: ImageBitmap) {
    this.width = bitmap.width
    this.height = bitmap.height
    const reader = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true })
    if (!reader) throw new Error('the browser has no memory for this image')
    reader.drawImage(bitmap, 0, 0)
    this.original = reader.getImageData(0, 0, bitmap.width, bitmap.height)
    this.canvas = document.createElement('canvas')
    this.canvas.width = bitmap.width
    this.canvas.height = bitmap.height
    const context = this.canvas.getContext('2d', { alpha: false })
    if (!context) throw new Error('the browser has no memory for this image')
    this.context = context
    context.drawImage(bitmap, 0, 0)
  }

  /** @throws Error where the browser cannot show it */
  static async decode(blob: Blob): Promise<Picture> {
    let bitmap: ImageBitmap
    try {
      bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none' })
    } catch {
      throw new Error('the browser cannot decode this image: it is damaged, or too large for one picture')
    }
    try {
      return new Picture(bitmap)
    } catch (error) {
      throw new Error(`an image of ${bitmap.width} x ${bitmap.height} pixels is too large for the browser`, {
        cause: error,
      })
    } finally {
      bitmap.close()
    }
  }

  setLevels(levels: Levels): void {
    this.levels.value = levels
    const table = new Uint8Array(256)
    const range = Math.max(1, levels.white - levels.black)
    for (let v = 0; v < 256; v++) {
      const part = Math.min(1, Math.max(0, (v - levels.black) / range))
      table[v] = Math.round(255 * part ** (1 / levels.gamma))
    }
    const { data } = this.original
    const to = new ImageData(this.width, this.height)
    for (let i = 0; i < data.length; i += 4) {
      to.data[i] = table[data[i]]
      to.data[i + 1] = table[data[i + 1]]
      to.data[i + 2] = table[data[i + 2]]
      to.data[i + 3] = 255
    }
    this.context.putImageData(to, 0, 0)
  }

  /** Levels that make all but the darkest and brightest half percent use the whole range. */
  stretched(): Levels {
    const counts = new Uint32Array(256)
    const { data } = this.original
    for (let i = 0; i < data.length; i += 4) counts[(data[i] + 2 * data[i + 1] + data[i + 2]) >> 2]++
    const cut = (this.width * this.height) / 200
    let [black, white] = [0, 255]
    for (let sum = counts[0]; black < 254 && sum < cut; sum += counts[++black]);
    for (let sum = counts[255]; white > black + 1 && sum < cut; sum += counts[--white]);
    return { black, white, gamma: 1 }
  }
}
