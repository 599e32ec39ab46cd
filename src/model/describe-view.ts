/** @file Views and particle sizes as text, for logs and reports. */
import { type Region, regionSize } from '../../engine/image/box'
import {
  type DiameterBand,
  type DiameterQuantiles,
  defaultBand,
  type View,
  type ViewLimit,
} from '../../engine/scale/view'

const reasons: Record<ViewLimit, string> = {
  magnification: 'the image has no more pixels to show',
  tiles: 'more tiles would take too long',
  largest: 'the largest particles must fit into a tile',
}

const round = (value: number) => (value < 10 ? Number(value.toFixed(1)) : Math.round(value))

/** The sizes that a model knows. */
export const describeBand = (band: DiameterBand): string =>
  `the model knows ${round(band.low)} to ${round(band.high)} px at its input${band === defaultBand ? ' (assumed: no adapter says it)' : ''}; ` +
  `smaller ones are magnified to ${round(band.target)}` +
  (band.finer ? `, or as large as at the model's own input, up to ${round(band.finer.most)}` : '')

/** The particle sizes of an adapter's training, as text. */
export function describeDiameters(diameters: DiameterQuantiles): string {
  const [p5, , p50, , p95] = diameters.map((diameter) => diameter.toFixed(0))
  return `median ${p50} px at the input, 5 % under ${p5}, 5 % over ${p95}`
}

/** Which diameter was assumed, in which parts the image was seen, and why the particles are not larger. */
export function describeView({ tileSize, tiles, magnification, diameter, limit }: View): string {
  const part = tileSize ? `${tiles} tiles of ${tileSize} px` : 'the whole image'
  const size =
    diameter === null ? '' : `particles of ${round(diameter)} px, ${round(diameter * magnification)} px at the input: `
  return `${size}${part}${limit ? ` (${reasons[limit]})` : ''}`
}

/**
 * The same for one object: only the tile with its prompt was encoded.
 * @param region in which the object was seen: larger than a tile if it did not fit into one
 */
export function describePromptView(view: View, region: Region): string {
  const { tileSize, tiles, magnification, diameter, limit } = view
  if (!tileSize) return describeView(view)
  const side = Math.max(...Object.values(regionSize(region)))
  const size = `particles of ${round(diameter!)} px, ${round((diameter! * magnification * tileSize) / side)} px at the input`
  if (side > tileSize)
    return `${size}: a part of ${side} px, because the object does not fit into a tile of ${tileSize} px`
  return `${size}: one tile of ${tileSize} px, of ${tiles} that cover the image${limit ? ` (${reasons[limit]})` : ''}`
}
