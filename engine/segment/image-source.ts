/** @file The forms in which a host has an image, and their pixels as bytes. */
import type { Engine } from '../device/engine'
import type { RgbImage } from '../image/rgb-image'
import { SettingError } from '../setting-error'

/** Four bytes a pixel, as ImageData of a browser: (height, width, 4), red, green, blue, alpha. */
export interface RgbaImage {
  width: number
  height: number
  data: Uint8ClampedArray | Uint8Array
}

/**
 * An image in any form: RGB bytes, ImageData, what the browser can draw (ImageBitmap, canvas, image or video element, VideoFrame), or
 * a 2-D texture of 8-bit channels, or a buffer, on the engine's device, with the usage COPY_SRC. Alpha is ignored.
 */
export type ImageSource = RgbImage | RgbaImage | BufferImage | GPUTexture | GPUCopyExternalImageSource

/** Pixels in a buffer of the engine's device with usage COPY_SRC: four bytes each, red first; alpha is ignored. */
export interface BufferImage {
  width: number
  height: number
  buffer: GPUBuffer
  /** Byte of the first pixel, a multiple of 4; 0 by default. */
  offset?: number
  /** Bytes from one row to the next, a multiple of 4; 4 * width by default. */
  bytesPerRow?: number
}

const TEXTURE_FORMATS: Partial<Record<GPUTextureFormat, readonly [number, number, number]>> = {
  rgba8unorm: [0, 1, 2],
  'rgba8unorm-srgb': [0, 1, 2],
  bgra8unorm: [2, 1, 0],
  'bgra8unorm-srgb': [2, 1, 0],
}
/** WebGPU copies rows of textures to multiples of this many bytes. */
const ROW_BYTES = 256

/**
 * The pixels of an image as RGB bytes. @throws SettingError if its form is unknown or its data do not fit its size
 * @example
 * const { width, height, rgb } = await readPixels(engine, canvas)
 */
export async function readPixels(engine: Engine, source: ImageSource): Promise<RgbImage> {
  if (typeof source !== 'object' || source === null) throw unknownForm()
  if (ArrayBuffer.isView(source) || 'byteLength' in source || 'arrayBuffer' in source)
    throw new SettingError(
      'these are bytes without a size: pass { width, height, rgb }; a PNG or JPEG file is decoded first, in browsers by createImageBitmap(blob), in Node by readMicrograph(path) of wgsam/node',
    )
  if ('rgb' in source) return checked(source, source.rgb, 3)
  if ('data' in source && ArrayBuffer.isView(source.data)) {
    const { data, width, height } = checked(source, source.data, 4)
    return { width, height, rgb: withoutAlpha(data, width, height, 4 * width, [0, 1, 2]) }
  }
  if ('buffer' in source) return readBuffer(engine, source)
  if (isTexture(source)) return readTexture(engine, source)
  const { width, height } = sizeOfDrawable(source as Drawable)
  const texture = engine.scoped(() => {
    const usage = GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT
    const made = engine.device.createTexture({ label: 'image', size: [width, height], format: 'rgba8unorm', usage })
    const external = { source: source as GPUCopyExternalImageSource }
    engine.device.queue.copyExternalImageToTexture(external, { texture: made }, [width, height])
    return made
  })
  return readTexture(engine, texture).finally(() => texture.destroy())
}

function checked<T extends { width: number; height: number }>(image: T, data: ArrayLike<number>, channels: 3 | 4): T {
  const { width, height } = image
  if (![width, height].every((side) => Number.isInteger(side) && side > 0))
    throw new SettingError(`an image needs whole numbers above 0 as width and height, not ${width}x${height}`)
  const name = channels === 3 ? 'rgb' : 'data'
  if (!/Uint8(Clamped)?Array/.test(Object.prototype.toString.call(data)))
    throw new SettingError(`the ${name} of an image must be a Uint8Array, 0 to 255: scale other numbers to it`)
  const bytes = width * height * channels
  const gray = data.length === width * height ? '; repeat the value of a gray pixel three times' : ''
  if (data.length !== bytes)
    throw new SettingError(
      `an image of ${width}x${height} has ${channels} bytes a pixel in ${name}, ${bytes} in all: got ${data.length}${gray}`,
    )
  return image
}

/** What browsers draw has its size under one of these names. */
interface Drawable {
  width?: number
  height?: number
  naturalWidth?: number
  naturalHeight?: number
  videoWidth?: number
  videoHeight?: number
  displayWidth?: number
  displayHeight?: number
}

function sizeOfDrawable(source: Drawable): { width: number; height: number } {
  const width = source.naturalWidth ?? source.videoWidth ?? source.displayWidth ?? source.width
  const height = source.naturalHeight ?? source.videoHeight ?? source.displayHeight ?? source.height
  if (!width || !height) throw unknownForm()
  return { width, height }
}

const unknownForm = () =>
  new SettingError(
    'this is no image that the engine can read: pass { width, height, rgb }, ImageData, an ImageBitmap, a canvas, an image or video that is loaded, a GPUTexture, or a GPUBuffer with its size',
  )

const isTexture = (source: object): source is GPUTexture => 'createView' in source && 'format' in source

async function readTexture(engine: Engine, texture: GPUTexture): Promise<RgbImage> {
  const { width, height, format } = texture
  const order = TEXTURE_FORMATS[format]
  if (!order || texture.dimension !== '2d' || texture.depthOrArrayLayers !== 1)
    throw new SettingError(
      `a texture must be one 2-D layer of ${Object.keys(TEXTURE_FORMATS).join(', ')}, not ${texture.dimension} ${format}`,
    )
  const bytesPerRow = Math.ceil((4 * width) / ROW_BYTES) * ROW_BYTES
  const bytes = await readBack(engine, bytesPerRow * height, (encoder, buffer) =>
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, { width, height }),
  )
  return { width, height, rgb: withoutAlpha(bytes, width, height, bytesPerRow, order) }
}

async function readBuffer(
  engine: Engine,
  { width, height, buffer, offset = 0, bytesPerRow = 4 * width }: BufferImage,
): Promise<RgbImage> {
  const whole = [width, height].every((side) => Number.isInteger(side) && side > 0)
  if (!whole || bytesPerRow < 4 * width || offset < 0 || offset % 4 || bytesPerRow % 4)
    throw new SettingError(
      `a buffer with an image of ${width}x${height} must have at least 4 bytes a pixel, and offset ${offset} and bytesPerRow ${bytesPerRow} multiples of 4`,
    )
  const bytes = bytesPerRow * (height - 1) + 4 * width
  if (offset + bytes > buffer.size)
    throw new SettingError(
      `an image of ${width}x${height} needs ${offset + bytes} bytes: the buffer has ${buffer.size}`,
    )
  const read = await readBack(engine, bytes, (encoder, target) =>
    encoder.copyBufferToBuffer(buffer, offset, target, 0, bytes),
  )
  return { width, height, rgb: withoutAlpha(read, width, height, bytesPerRow, [0, 1, 2]) }
}

/** Bytes that a command copies into a buffer. */
async function readBack(
  engine: Engine,
  bytes: number,
  copy: (encoder: GPUCommandEncoder, target: GPUBuffer) => void,
): Promise<Uint8Array> {
  const pixels = engine.persistent('input', 'pixels of an image', [bytes / 4])
  try {
    engine.scoped(() => {
      const encoder = engine.device.createCommandEncoder()
      copy(encoder, pixels.storage.buffer!)
      engine.device.queue.submit([encoder.finish()])
    })
    return new Uint8Array(await engine.readBytes(pixels))
  } finally {
    engine.release(pixels)
  }
}

/** RGB of pixels of four bytes in rows of `stride` bytes; `order` says where red, green and blue are. */
function withoutAlpha(
  data: ArrayLike<number>,
  width: number,
  height: number,
  stride: number,
  [red, green, blue]: readonly [number, number, number],
): Uint8Array {
  const rgb = new Uint8Array(width * height * 3)
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0, from = y * stride; x < width; x++, from += 4) {
      rgb[to++] = data[from + red]
      rgb[to++] = data[from + green]
      rgb[to++] = data[from + blue]
    }
  return rgb
}
