/** @file `wgsam generate --reference`: the records of the reference generator, in the JSON format of its command line. */
import { join } from 'node:path'
import type { MaskGenerator } from '../../engine/generate/generator'
import { defaultGeneratorOptions } from '../../engine/generate/generator-options'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { Progress } from '../host/progress'
import { count } from '../text/count'
import type { FolderOptions } from './generate-folder'
import { importImage } from '../project/import-image'

/** The reference generator's parameter names, and those of the options here. */
const names = {
  points_per_side: 'pointsPerSide',
  points_per_batch: 'pointsPerBatch',
  pred_iou_thresh: 'predIouThresh',
  stability_score_thresh: 'stabilityScoreThresh',
  stability_score_offset: 'stabilityScoreOffset',
  box_nms_thresh: 'boxNmsThresh',
  crop_n_layers: 'cropNLayers',
  crop_nms_thresh: 'cropNmsThresh',
  crop_overlap_ratio: 'cropOverlapRatio',
  crop_n_points_downscale_factor: 'cropNPointsDownscaleFactor',
  point_grids: 'pointGrids',
  min_mask_region_area: 'minMaskRegionArea',
  output_mode: 'outputMode',
} as const satisfies Record<string, keyof typeof defaultGeneratorOptions>

/** Writes records/NAME.json for each image. Returns the exit code: 0, 1 if an image failed, 130 if interrupted. */
export async function runReference(options: FolderOptions & { generator: MaskGenerator }): Promise<number> {
  const { generator, inputs, dir, reading, signal } = options
  const bar = new Progress('generating', inputs.length, { unit: 'images' })
  let failed = 0
  for (const [i, input] of inputs.entries()) {
    if (signal?.aborted) return 130
    try {
      const { info, rgb } = await importImage(input, { ...reading, crop: 'none' })
      const { width, height } = info
      const onProgress = (done: number, total: number) => bar.update(i + done / total, input.name)
      const records = await generator.reference({ width, height, rgb }, { signal, onProgress })
      const params = Object.fromEntries(
        Object.entries(names).map(([theirs, ours]) => [theirs, generator.options[ours]]),
      )
      const plain = records.map(({ segmentation, ...rest }) => ({
        segmentation: segmentation instanceof Uint8Array ? rows(segmentation, width) : segmentation,
        ...rest,
      }))
      const path = join(dir, 'records', `${input.name}.json`)
      await writeFileAtomic(path, JSON.stringify({ image: input.path, size: [height, width], params, records: plain }))
      console.log(`${path}: ${count(records.length, 'record')}`)
    } catch (error) {
      if (signal?.aborted) return 130
      if (!(error instanceof UserError)) throw error
      console.error(error.message)
      failed++
    }
  }
  return failed ? 1 : 0
}

/** A mask (height, width) as nested lists of 0 and 1. */
const rows = (mask: Uint8Array, width: number): number[][] =>
  Array.from({ length: mask.length / width }, (_, y) => [...mask.subarray(y * width, (y + 1) * width)])
