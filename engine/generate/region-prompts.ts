/** @file The learned prompts of a region of an image, a crop or a tile, and those that its masks leave unanswered. */
import { type Box, type Region, regionSize } from '../image/box'
import { type PackedMask, hasPixel } from '../masks/bit-mask'
import type { Size } from '../image/size'
import type { PromptMaps } from '../sam/prompt-maps'
import { CELL, findLearnedPrompts, type LearnedPrompt, type LearnedPrompts } from './learned-prompts'
import type { Prompt } from './prompt'

/** A particle counts as found if masks cover more than this fraction of its cells. */
const COVERED = 0.5

export class RegionPrompts {
  private readonly found: LearnedPrompts
  /** Cells per pixel of the image. */
  private readonly scale: readonly [x: number, y: number]

  /**
   * @param maps of the region · @param valid the part of the model's input that shows the region, in its pixels
   * @param region in pixels of the image
   * @param core the part of the region that belongs to it alone: it asks for the particles that have a cell in it
   */
  constructor(
    private readonly maps: PromptMaps,
    valid: Size,
    private readonly region: Region,
    private readonly core: Region,
  ) {
    const { width, height } = regionSize(region)
    this.found = findLearnedPrompts(maps, valid)
    this.scale = [valid.width / width / CELL, valid.height / height / CELL]
  }

  /** A point and a box for each particle, in pixels of the image. */
  first(): Prompt[] {
    const inCore = this.regionsInCore()
    return this.found.prompts.filter(({ weak }, i) => !weak && inCore[i + 1]).map((prompt) => this.toImage(prompt))
  }

  /** Points alone, in pixels of the image, for the particles that masks (with their boxes) leave mostly uncovered. */
  missed(masks: readonly { bits: PackedMask; box: Box }[]): Prompt[] {
    const { prompts, regions } = this.found
    const inCore = this.regionsInCore()
    const [cells, covered] = [new Uint32Array(prompts.length + 1), new Uint32Array(prompts.length + 1)]
    const isCovered = this.coveredCells(masks)
    regions.forEach((of, at) => {
      cells[of]++
      covered[of] += isCovered[at]
    })
    return prompts
      .filter((_, i) => inCore[i + 1] && covered[i + 1] <= COVERED * cells[i + 1])
      .map((prompt) => ({ point: this.toImage(prompt).point }))
  }

  /** For each region number, 1 if it has a cell in the core. */
  private regionsInCore(): Uint8Array {
    const { core, region, found, maps } = this
    const inCore = new Uint8Array(found.prompts.length + 1)
    const [x0, x1] = this.cells(core.left - region.left, core.right - region.left, 0)
    const [y0, y1] = this.cells(core.top - region.top, core.bottom - region.top, 1)
    for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) inCore[found.regions[y * maps.side + x]] = 1
    return inCore
  }

  /** For each cell, 1 if the pixel in its middle belongs to one of the masks. */
  private coveredCells(masks: readonly { bits: PackedMask; box: Box }[]): Uint8Array {
    const { region, maps, scale } = this
    const covered = new Uint8Array(maps.side ** 2)
    for (const { bits, box } of masks) {
      const [x0, x1] = this.cells(box.x0 - region.left, box.x1 + 1 - region.left, 0)
      const [y0, y1] = this.cells(box.y0 - region.top, box.y1 + 1 - region.top, 1)
      for (let y = y0; y < y1; y++)
        for (let x = x0; x < x1; x++) {
          const [px, py] = [Math.floor((x + 0.5) / scale[0]), Math.floor((y + 0.5) / scale[1])]
          if (hasPixel(bits, px + region.left, py + region.top)) covered[y * maps.side + x] = 1
        }
    }
    return covered
  }

  /** The first cell of a range of pixels of the region along an axis, and the one after its last, within the maps. */
  private cells(from: number, to: number, axis: 0 | 1): [number, number] {
    const within = (cell: number) => Math.max(0, Math.min(this.maps.side, cell))
    return [within(Math.floor(from * this.scale[axis])), within(Math.ceil(to * this.scale[axis]))]
  }

  private toImage({ point: [x, y], box }: LearnedPrompt): Required<Prompt> {
    const { region } = this
    const [scaleX, scaleY] = this.scale.map((scale) => scale * CELL)
    return {
      // a point is the pixel, whose middle is meant
      point: [region.left + Math.max(0, x / scaleX - 0.5), region.top + Math.max(0, y / scaleY - 0.5)],
      box: {
        left: region.left + box.left / scaleX,
        top: region.top + box.top / scaleY,
        right: region.left + box.right / scaleX,
        bottom: region.top + box.bottom / scaleY,
      },
    }
  }
}
