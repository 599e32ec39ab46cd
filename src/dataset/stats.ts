/** @file Statistics of a labelled dataset: images, instances, their sizes and coverage, and how many touch. All in pixels. */
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { type DatasetItem, loadItem } from './dataset'
import { boxes } from '../../engine/masks/instances'
import { quantile } from '../statistics/quantile'

export interface ImageStats {
  id: string
  group: string
  width: number
  height: number
  instances: number
  /** Fraction of the image that is labelled. */
  coverage: number
  /** The number of instances with an 8-neighbour of another instance, and of those that reach the image's edge. */
  touching: number
  border: number
}

/** Minimum, the 5, 25, 50, 75 and 95 percentiles, maximum and mean. */
export interface Quantiles {
  min: number
  p5: number
  p25: number
  median: number
  p75: number
  p95: number
  max: number
  mean: number
}

export interface DatasetStats {
  images: number
  groups: number
  instances: number
  /** Sizes of images, the most frequent first. */
  sizes: { width: number; height: number; images: number }[]
  /** Area of an instance; diameter of the disc of that area; instances per image. Null without instances or images. */
  area: Quantiles | null
  diameter: Quantiles | null
  perImage: Quantiles | null
  /** Labelled fraction of an image. */
  coverage: Quantiles | null
  /** Fraction of all instances that touch another one, and that reach the image's edge. */
  touching: number
  border: number
}

export interface ImageMeasurement {
  image: ImageStats
  /** Area in pixels of each instance, in ascending order of labels. */
  areas: number[]
}

/** Loads and measures images one after the other. @throws UserError if an image cannot be read */
export async function measureItems(
  items: readonly DatasetItem[],
  onProgress?: (done: number, total: number, id: string) => void,
): Promise<ImageMeasurement[]> {
  const measured: ImageMeasurement[] = []
  for (const [i, item] of items.entries()) {
    const { width, height, labels } = await loadItem(item)
    measured.push(measureLabels(item, { width, height, data: labels }))
    onProgress?.(i + 1, items.length, item.id)
  }
  return measured
}

export function measureLabels({ id, group }: Pick<DatasetItem, 'id' | 'group'>, labels: LabelMap): ImageMeasurement {
  const { width, height } = labels
  const found = boxes(labels)
  const areas = found.map(({ area }) => area)
  const border = found.filter((b) => b.x0 === 0 || b.y0 === 0 || b.x1 === width - 1 || b.y1 === height - 1).length
  const coverage = areas.reduce((a, b) => a + b, 0) / (width * height)
  const touching = touchingLabels(labels)
  return { image: { id, group, width, height, instances: found.length, coverage, touching, border }, areas }
}

/** The number of labels with an 8-neighbour of another label. */
function touchingLabels({ width, height, data }: LabelMap): number {
  const touching = new Uint8Array(MAX_LABEL + 1)
  const meet = (a: number, b: number) => {
    if (a && b && a !== b) touching[a] = touching[b] = 1
  }
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const id = data[at]
      if (!id) continue
      if (x + 1 < width) meet(id, data[at + 1])
      if (y + 1 === height) continue
      meet(id, data[at + width])
      if (x) meet(id, data[at + width - 1])
      if (x + 1 < width) meet(id, data[at + width + 1])
    }
  return touching.reduce((a, b) => a + b, 0)
}

export function summariseDataset(measured: readonly ImageMeasurement[]): DatasetStats {
  const images = measured.map(({ image }) => image)
  const areas = measured.flatMap((m) => m.areas)
  const sum = (of: (image: ImageStats) => number) => images.reduce((total, image) => total + of(image), 0)
  const sizes = new Map<string, DatasetStats['sizes'][number]>()
  for (const { width, height } of images) {
    const size = sizes.get(`${width}x${height}`) ?? { width, height, images: 0 }
    size.images++
    sizes.set(`${width}x${height}`, size)
  }
  return {
    images: images.length,
    groups: new Set(images.map(({ group }) => group)).size,
    instances: areas.length,
    sizes: [...sizes.values()].sort((a, b) => b.images - a.images),
    area: quantiles(areas),
    diameter: quantiles(areas.map(equivalentDiameter)),
    perImage: quantiles(images.map(({ instances }) => instances)),
    coverage: quantiles(images.map(({ coverage }) => coverage)),
    touching: areas.length ? sum(({ touching }) => touching) / areas.length : 0,
    border: areas.length ? sum(({ border }) => border) / areas.length : 0,
  }
}

/** Quantiles with linear interpolation between values; null for no values. */
export function quantiles(values: readonly number[]): Quantiles | null {
  if (!values.length) return null
  const sorted = Float64Array.from(values).sort()
  const at = (q: number) => quantile(sorted, q)
  const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length
  return { min: at(0), p5: at(0.05), p25: at(0.25), median: at(0.5), p75: at(0.75), p95: at(0.95), max: at(1), mean }
}
