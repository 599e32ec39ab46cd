/** @file Finds what looks like example masks in an image: places on its embedding, then the model's masks at them. */
import { type Region, sameRegion, wholeRegion } from '../../engine/image/box'
import type { Size } from '../../engine/image/size'
import { tileRegions } from '../../engine/image/tiles'
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { type Mask, maskArea } from '../../engine/masks/mask'
import { encodeMask } from '../../engine/masks/rle'
import type { Predictor } from '../../engine/sam/predictor'
import { completeMasks } from '../../engine/scale/complete-masks'
import { isCut, predictInParts } from '../../engine/scale/prompt-parts'
import type { View } from '../../engine/scale/view'
import {
  cosine,
  type FeatureMap,
  featureMap,
  maskFeature,
  type SimilarPlace,
  similarityMap,
  similarPlaces,
  suppressNear,
} from '../../engine/similar/feature-map'
import { HttpError } from '../host/http-error'
import { type DecodedMask, decodePart } from './decode-part'
import type { EncodedParts, ImageFile } from './encoded-parts'
import type { GiveWay } from './work-queue'

export interface SimilarMask extends DecodedMask {
  /** The greatest cosine similarity of the mask's mean feature to an example's. */
  similarity: number
}

/** As replies carry it: with run lengths in the place of pixels. */
export const withoutPixels = ({ mask, ...measures }: SimilarMask, size: Size) => ({
  segmentation: encodeMask(mask, size),
  ...measures,
})

/** Less similar places are not worth a prompt. */
const LEAST_SIMILARITY = 0.1

/** At most this many places are returned: a prompt for each takes its time. */
const MOST_PLACES = 600

/** How much smaller or larger than the examples' range of areas a mask may be. */
const AREA_FACTOR = 4

/** How much a factor of e in area counts against a mask, in units of predicted IoU and similarity. */
const AREA_WEIGHT = 0.2

/** Whether a place is inside a region, or at most `margin` pixels beside it. */
const isNear = ({ left, top, right, bottom }: Region, { x, y }: { x: number; y: number }, margin = 0): boolean =>
  x >= left - margin && x < right + margin && y >= top - margin && y < bottom + margin

interface Part {
  region: Region
  core: Region
}

export class SimilarSearch {
  /** The features of the part looked at last. */
  private last: { region: Region; map: FeatureMap } | null = null

  constructor(
    private readonly predictor: Predictor,
    private readonly parts: EncodedParts,
    private readonly image: ImageFile,
    private readonly size: Size,
    private readonly view: View,
  ) {}

  /** Places that look like the examples, the most similar first. @throws HttpError 400 if no example shows anything */
  async places(
    examples: readonly Mask[],
    giveWay: GiveWay,
    onTile: (done: number, total: number) => void = () => {},
  ): Promise<SimilarPlace[]> {
    const regions = this.regions()
    onTile(0, regions.length)
    const features = await this.features(examples, giveWay)
    const radius = Math.min(...examples.map((mask) => equivalentDiameter(maskArea(mask)))) / 2
    const found: SimilarPlace[] = []
    const beside: SimilarPlace[] = []
    for (const [done, { region, core }] of regions.entries()) {
      const map = await this.mapOf(region)
      const here = similarPlaces(map, similarityMap(map, features), radius, LEAST_SIMILARITY)
      found.push(...here.filter((place) => isNear(core, place)))
      // a particle on the border of two cores may be most similar just beyond it in both tiles
      beside.push(...here.filter((place) => !isNear(core, place) && isNear(core, place, radius)))
      onTile(done + 1, regions.length)
      await giveWay()
    }
    const central = suppressNear(found, radius)
    const more = beside.filter((place) => !central.some(({ x, y }) => Math.hypot(x - place.x, y - place.y) < radius))
    return suppressNear([...central, ...more], radius).slice(0, MOST_PLACES)
  }

  /** Of the model's masks at each point the one most like the examples; null if none has their size. */
  async masks(
    examples: readonly Mask[],
    points: readonly { x: number; y: number }[],
    giveWay: GiveWay,
  ): Promise<(SimilarMask | null)[]> {
    const features = await this.features(examples, giveWay)
    const areas = examples.map(maskArea)
    const typical = Math.exp(areas.reduce((sum, area) => sum + Math.log(area), 0) / areas.length)
    const [least, most] = [Math.min(...areas) / AREA_FACTOR, Math.max(...areas) * AREA_FACTOR]
    const { maskSide } = this.predictor.model
    const result: (SimilarMask | null)[] = []
    for (const { x, y } of points) {
      const prompt = { points: [{ x, y, foreground: true }], box: null }
      const [found] = await predictInParts(this.size, [prompt], this.view, maskSide, async (region) => {
        const map = await this.mapOf(region)
        await this.parts.hold(this.predictor, this.image, this.partOf(region))
        const masks = await decodePart(this.predictor, region, prompt)
        const similar = masks.map((one): SimilarMask => {
          const own = one.mask.width ? maskFeature(map, one.mask) : null
          return { ...one, similarity: own ? Math.max(...features.map((feature) => cosine(own, feature))) : -1 }
        })
        return [completeMasks(similar, ({ mask }) => isCut(mask, region, this.size, maskSide))]
      })
      const score = ({ mask, predictedIou, similarity }: SimilarMask) =>
        predictedIou + similarity - AREA_WEIGHT * Math.abs(Math.log(maskArea(mask) / typical))
      const fitting = found.filter(({ mask }) => maskArea(mask) >= least && maskArea(mask) <= most)
      result.push(fitting.sort((a, b) => score(b) - score(a))[0] ?? null)
      await giveWay()
    }
    return result
  }

  private async features(examples: readonly Mask[], giveWay: GiveWay): Promise<Float32Array[]> {
    const regions = this.regions()
    const features: Float32Array[] = []
    for (const [i, mask] of examples.entries()) {
      // each example may need the encoding of another tile
      if (i) await giveWay()
      const middle = { x: mask.x0 + mask.width / 2, y: mask.y0 + mask.height / 2 }
      const { region } = regions.find(({ core }) => isNear(core, middle)) ?? regions[0]
      features.push(maskFeature(await this.mapOf(region), mask))
    }
    const shown = features.filter((feature) => feature.some((value) => value !== 0))
    if (!shown.length) throw new HttpError(400, 'the examples show nothing: select one or a few masks of particles')
    return shown
  }

  private regions(): Part[] {
    const whole = wholeRegion(this.size)
    const { tileSize, tileHalo } = this.view
    return tileSize ? tileRegions(this.size, tileSize, tileHalo) : [{ region: whole, core: whole }]
  }

  private partOf(region: Region): Region | null {
    return sameRegion(region, wholeRegion(this.size)) ? null : region
  }

  private async mapOf(region: Region): Promise<FeatureMap> {
    if (this.last && sameRegion(this.last.region, region)) return this.last.map
    const embedding = await this.parts.embedding(this.predictor, this.image, this.partOf(region))
    const map = featureMap(embedding, this.predictor.model.side, region)
    this.last = { region, map }
    return map
  }
}
