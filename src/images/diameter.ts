/** @file The particles' diameter that a user states: in pixels, as a length, estimated, or of no interest. */
import { UserError } from '../host/errors'
import { metresOf, type PixelSize } from './microscope/pixel-size'

/** 'auto': it is estimated for each image. 'none': images are seen whole, whatever their particles' size. */
export type Diameter = 'auto' | 'none' | { pixels: number } | { metres: number }

/** Bounds of a diameter in pixels of the image. */
const MIN_PIXELS = 1
const MAX_PIXELS = 2 ** 20

/** Reads 'auto', 'none', '24', '24px' or a length such as '300nm'. @throws UserError for anything else, naming --diameter */
export function parseDiameter(text: string): Diameter {
  const typed = text.trim()
  if (typed === 'auto' || typed === 'none') return typed
  const [, digits] = /^(\d+\.?\d*|\.\d+)\s*(?:px|pixels?)?$/i.exec(typed) ?? []
  if (digits !== undefined) return { pixels: checked(Number(digits), `--diameter ${typed}`) }
  const metres = metresOf(typed)
  if (metres === undefined || !(metres > 0))
    throw new UserError(
      `--diameter takes pixels such as 24 or 24px, a length such as 12um or 300nm, auto or none, not "${text}"`,
    )
  return { metres }
}

/**
 * A diameter in pixels of one image.
 * @param remedy how the user can say the size of a pixel
 * @throws UserError if it is a length and the image has no pixel size, or if it is no plausible number of pixels
 */
export function diameterInPixels(
  diameter: Diameter,
  { name, pixelSize }: { name: string; pixelSize: PixelSize | null },
  remedy = '--pixel-size 12nm',
): number | 'auto' | 'none' {
  if (typeof diameter === 'string') return diameter
  if ('pixels' in diameter) return diameter.pixels
  if (!pixelSize)
    throw new UserError(
      `${name}: --diameter is a length, but nothing says how large a pixel of this image is: give the diameter in pixels, such as --diameter 24px, or the size of a pixel with ${remedy}`,
    )
  return checked(diameter.metres / pixelSize.metres, `${name}: --diameter`)
}

function checked(pixels: number, what: string): number {
  if (!(pixels >= MIN_PIXELS && pixels <= MAX_PIXELS))
    throw new UserError(
      `${what} is ${Number(pixels.toPrecision(3))} pixels: a particle's diameter is from ${MIN_PIXELS} to ${MAX_PIXELS} pixels`,
    )
  return pixels
}
