/** @file What can be measured: an image's masks, from wherever they come. */
import type { Size } from '../../../engine/image/size'
import { type Micrograph, readMicrograph } from '../../images/micrograph'
import type { PixelSize } from '../../images/microscope/pixel-size'
import type { Image } from '../../images/image'
import { UserError } from '../../host/errors'
import type { LabelledMask } from '../shape/pixel-runs'

export interface Masks {
  size: Size
  masks: LabelledMask[]
  /** Of the same size; null where there is no image. */
  gray: Image | null
  pixelSize: PixelSize | null
  /** What the masks are: 'labels', 'proposals', 'review, accepted' … */
  from: string
  /** What a person should know: masks left out, and why. */
  notes: string[]
}

/** An image whose masks are read when it is its turn. */
export interface Source {
  name: string
  group: string
  /** Masks, or why the image is not asked for. @throws UserError where they cannot be read */
  read(): Promise<Masks | { leftOut: string }>
}

/**
 * An image of a label map with its pixel size. An info bar is cut off where that gives the labels' size.
 * @throws UserError where the sizes differ: nothing would tell which pixel is which
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
