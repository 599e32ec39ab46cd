/** @file The unit of all lengths of a run; without a pixel size it is pixels. */
import { UserError } from '../host/errors'
import { count } from '../text/count'

export interface LengthUnit {
  /** Name in files, in ASCII; areas append a 2. */
  name: 'px' | 'nm' | 'um' | 'mm'
  /** Name in text. */
  shown: string
  /** Name of the unit of area in text. */
  area: string
  /** Length of the unit in metres; null for pixels. */
  metres: number | null
}

export const units = {
  px: { name: 'px', shown: 'px', area: 'px²', metres: null },
  nm: { name: 'nm', shown: 'nm', area: 'nm²', metres: 1e-9 },
  um: { name: 'um', shown: 'µm', area: 'µm²', metres: 1e-6 },
  mm: { name: 'mm', shown: 'mm', area: 'mm²', metres: 1e-3 },
} as const satisfies Record<string, LengthUnit>

export const unitChoices = ['auto', ...(Object.keys(units) as (keyof typeof units)[])] as const
export type UnitChoice = (typeof unitChoices)[number]

interface ImageSizes {
  name: string
  /** Metres per pixel; null if unknown. */
  metres: number | null
  /** Equivalent diameters of the particles, in pixels. */
  diameters: readonly number[]
}

/**
 * The unit of a run. 'auto' is pixels if no image has a pixel size, otherwise nm, um or mm, depending on the median
 * diameter.
 * @throws UserError if some images have no pixel size although a unit of length is requested or others have one
 */
export function chooseUnit(choice: UnitChoice, images: readonly ImageSizes[]): LengthUnit {
  const without = images.filter(({ metres }) => metres === null)
  if (choice === 'px' || (choice === 'auto' && without.length === images.length)) return units.px
  if (without.length) {
    const some = without.slice(0, 3).map(({ name }) => name)
    throw new UserError(
      `${without.length} of ${count(images.length, 'image')} have no pixel size (${some.join(', ')}${without.length > 3 ? ', …' : ''}): ` +
        'give it with --pixel-size 12nm or a column pixel_size in groups.csv, or measure all in pixels with --unit px',
    )
  }
  if (choice !== 'auto') return units[choice]
  const lengths = images
    .flatMap(({ metres, diameters }) => diameters.map((pixels) => pixels * metres!))
    .sort((a, b) => a - b)
  const median = lengths[lengths.length >> 1] ?? images[0].metres!
  return median < 1e-6 ? units.nm : median < 1e-3 ? units.um : units.mm
}

/** Units per pixel. */
export const scaleOf = (unit: LengthUnit, metres: number | null): number =>
  unit.metres === null ? 1 : metres! / unit.metres
