/** @file The open image's scale: its pixel size, the unit of lengths, and lengths as text. */
import { computed } from '@preact/signals'
import { equivalentDiameter } from '../../../../engine/masks/equivalent-diameter'
import { chooseUnit, type LengthUnit, scaleOf, units } from '../../../measure/units'
import { current, images, session } from './app'

/** The pixel size and where it comes from; null if it is not known. */
export const pixelSize = computed(
  () => images.value.find(({ info }) => info.name === current.value)?.info.pixelSize ?? null,
)

/** The unit that fits the masks of the open image. */
export const unit = computed<LengthUnit>(() => {
  const open = session.value
  const metres = pixelSize.value?.metres ?? null
  if (!open || metres === null) return units.px
  void open.version.value
  const diameters = [...open.masks.values()].map(({ area }) => equivalentDiameter(area))
  return chooseUnit('auto', [{ name: open.name, metres, diameters }])
})

/** Units for each pixel. */
export const perPixel = computed(() => scaleOf(unit.value, pixelSize.value?.metres ?? null))

/** Four digits, and never an exponent. */
export const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en') : `${Number(value.toPrecision(value < 100 ? 3 : 4))}`

/** A size with four digits, ending zeros included, so that a column of them can be compared. */
export const sizeNumber = (value: number): string =>
  value >= 1000 ? number(value) : value.toFixed(value >= 100 ? 1 : value >= 10 ? 2 : 3)

/** A length in pixels as text with its unit. */
export const lengthText = (pixels: number): string => `${number(pixels * perPixel.value)} ${unit.value.shown}`

/** The diameter of a circle of this area, in the unit. */
export const diameterOf = (area: number): number => equivalentDiameter(area) * perPixel.value

/** An area in pixels as text: with a known pixel size as the diameter of a circle. */
export const areaText = (pixels: number): string =>
  unit.value.metres === null
    ? `${pixels.toLocaleString('en')} px`
    : `⌀ ${lengthText(equivalentDiameter(pixels))} (${pixels.toLocaleString('en')} px)`
