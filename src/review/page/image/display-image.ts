/** @file The image under the masks, with adjustable contrast: prepared at several sizes when levels change, then only drawn. */
import { signal } from '@preact/signals'
import { clahe } from './clahe'

export interface Levels {
  /** Gray values, 0 to 255, that become black and white. */
  black: number
  white: number
  /** 1 changes nothing; above 1 brightens the dark parts. */
  gamma: number
}

export const plainLevels: Levels = { black: 0, white: 255, gamma: 1 }

/** The largest image that the page opens: image, masks and owner map take up to 16 bytes per pixel. */
const maxPixels = 120e6

export class DisplayImage {
  readonly levels = signal<Levels>(plainLevels)
  readonly width: number
  readonly height: number
  private readonly context: CanvasRenderingContext2D
  /** One value per pixel if the image is gray, otherwise three. */
  private readonly values: Uint8Array
  private readonly gray: boolean
  /** `values` after equalisation of the local contrast; null if it is off. */
  private equalised: Uint8Array | null = null
  /** Counts the changes of local contrast, so that one that was overtaken ends. */
  private equalising = 0
  private released = false
  /** The image at full, half, quarter … size (mipmaps): a small view is drawn from a small version. */
  private readonly sizes: HTMLCanvasElement[]

  private constructor(bitmap: ImageBitmap) {
    this.width = bitmap.width
    this.height = bitmap.height
    this.sizes = [document.createElement('canvas')]
    this.sizes[0].width = bitmap.width
    this.sizes[0].height = bitmap.height
    const context = this.sizes[0].getContext('2d', { alpha: false })
    const reader = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true })
    if (!context || !reader) throw new Error('no memory')
    this.context = context
    context.drawImage(bitmap, 0, 0)
    reader.drawImage(bitmap, 0, 0)
    const { data } = reader.getImageData(0, 0, bitmap.width, bitmap.height)
    this.gray = isGray(data)
    this.values = this.gray ? every(data, 1) : every(data, 3)
    this.shrink()
  }

  /** Decodes an image file. @throws Error if the browser cannot decode it or it is too large */
  static async decode(blob: Blob): Promise<DisplayImage> {
    let bitmap: ImageBitmap
    try {
      bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none' })
    } catch {
      throw new Error('the browser cannot decode this image: it is damaged, or too large for one bitmap')
    }
    const { width, height } = bitmap
    try {
      if (width * height > maxPixels) throw new Error('too many pixels')
      return new DisplayImage(bitmap)
    } catch (error) {
      throw new Error(
        `an image of ${width} x ${height} pixels is too large for the page (${maxPixels / 1e6} million at most): cut it into parts`,
        { cause: error },
      )
    } finally {
      bitmap.close()
    }
  }

  /** The version to draw at a scale (device pixels per image pixel). */
  at(scale: number): HTMLCanvasElement {
    const halvings = Math.floor(Math.log2(1 / scale) + 0.01)
    return this.sizes[Math.min(this.sizes.length - 1, Math.max(0, halvings))]
  }

  setLevels(levels: Levels): void {
    this.levels.value = levels
    const table = new Uint8Array(256)
    const range = Math.max(1, levels.white - levels.black)
    for (let v = 0; v < 256; v++) {
      const part = Math.min(1, Math.max(0, (v - levels.black) / range))
      table[v] = Math.round(255 * part ** (1 / levels.gamma))
    }
    const { gray, width, height } = this
    const values = this.equalised ?? this.values
    const image = new ImageData(width, height)
    const pixels = new Uint32Array(image.data.buffer)
    for (let i = 0; i < pixels.length; i++) {
      const at = gray ? i : 3 * i
      const red = table[values[at]]
      pixels[i] = gray ? red * 0x010101 : red | (table[values[at + 1]] << 8) | (table[values[at + 2]] << 16)
      pixels[i] |= 0xff000000
    }
    this.context.putImageData(image, 0, 0)
    this.shrink()
  }

  /** Levels that map all but the darkest and brightest 0.5 % of pixels to the full range. */
  stretched(): Levels {
    const counts = new Uint32Array(256)
    for (const value of this.values) counts[value]++
    const cut = this.values.length / 200
    let [black, white] = [0, 255]
    for (let sum = counts[0]; black < 254 && sum < cut; sum += counts[++black]);
    for (let sum = counts[255]; white > black + 1 && sum < cut; sum += counts[--white]);
    return { black, white, gamma: 1 }
  }

  /**
   * Equalises the local contrast of a gray image, a step at a time; null switches that off. Levels apply to the result.
   * @param limit how many times as often as the mean a gray value counts at most
   */
  async equalise(limit: number | null): Promise<void> {
    const mine = ++this.equalising
    if (limit === null || !this.gray) {
      if (!this.equalised) return
      this.equalised = null
    } else {
      const pause = () => new Promise<void>((resume) => setTimeout(resume))
      const values = await clahe(this.values, this, { parts: 8, limit }, pause, () => mine !== this.equalising)
      if (!values || this.released) return
      this.equalised = values
    }
    // the same levels as a new object: what is drawn from them is drawn again
    this.setLevels({ ...this.levels.peek() })
  }

  /** Gray values of the rows from `top` on, without changes of contrast. */
  grayFrom(top: number): Uint8Array {
    const { values, gray, width } = this
    if (gray) return values.subarray(top * width)
    const from = values.subarray(3 * top * width)
    return Uint8Array.from({ length: from.length / 3 }, (_, i) =>
      Math.round((from[3 * i] + from[3 * i + 1] + from[3 * i + 2]) / 3),
    )
  }

  /** Releases the memory. */
  release(): void {
    this.released = true
    for (const canvas of this.sizes) canvas.width = canvas.height = 0
  }

  private shrink(): void {
    for (let k = 1; Math.max(this.width, this.height) >> k >= 256; k++) {
      const larger = this.sizes[k - 1]
      const canvas = (this.sizes[k] ??= document.createElement('canvas'))
      canvas.width = Math.max(1, larger.width >> 1)
      canvas.height = Math.max(1, larger.height >> 1)
      const context = canvas.getContext('2d', { alpha: false })
      if (!context) return void (this.sizes.length = k)
      context.imageSmoothingEnabled = true
      context.drawImage(larger, 0, 0, canvas.width, canvas.height)
    }
  }
}

function isGray(data: Uint8ClampedArray): boolean {
  for (let i = 0; i < data.length; i += 4) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false
  return true
}

/** The first values of each pixel. */
function every(data: Uint8ClampedArray, channels: 1 | 3): Uint8Array {
  const values = new Uint8Array((data.length / 4) * channels)
  for (let from = 0, to = 0; from < data.length; from += 4)
    for (let c = 0; c < channels; c++) values[to++] = data[from + c]
  return values
}
