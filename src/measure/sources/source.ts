/** @file The interface of the sources of masks, and reading the image of a label map. */
import type { Size } from '../../../engine/image/size'
import { type Micrograph, readMicrograph } from '../../images/micrograph'
import type { PixelSize } from '../../images/microscope/pixel-size'
import type { Image } from '../../images/image'
import { UserError } from '../../host/errors'
import type { LabelledMask } from '../shape/pixel-runs'

export interface Masks {
  size: Size
  masks: LabelledMask[]
  /** The image, of the same size; null if there is none. */
  gray: Image | null
  pixelSize: PixelSize | null
  /** The kind of masks: 'labels', 'proposals', 'review, accepted' … */
  from: string
  /** Remarks for the user, such as masks left out and why. */
  notes: string[]
}

/** An image whose masks are read on demand. */
export interface Source {
  name: string
  group: string
  /** The masks, or the reason why the image is excluded. @throws UserError if they cannot be read */
  read(): Promise<Masks | { leftOut: string }>
}

/**
 * The image of a label map, with its pixel size. An info bar is removed if the image then has the labels' size.
 * @throws UserError if the sizes differ: pixels could not be matched
 */
export async function readPicture(path: string, size: Size): Promise<Micrograph> {
  const fits = ({ image }: Micrograph) => image.width === size.width && image.height === size.height
  const whole = await readMicrograph(path, { crop: 'none' })
  if (fits(whole)) return whole
  const cut = await readMicrograph(path)
  if (fits(cut)) return cut
  const { width, height } = whole.image
  throw new UserError(`${path} is ${width}x${height}, its labels ${size.width}x${size.height}`)
}
