/**
 * @file The folder that generating, reviewing and training share. `wgsam generate` fills it, `wgsam review` edits it, and
 * the accepted images leave it as a dataset that `wgsam train` takes.
 *
 *   images/NAME.png            the picture that masks refer to: footer cut off, 8 or 16 bit
 *   proposals/NAME.json        the generator's masks (ProposalFile)
 *   candidates/NAME.json       all masks above generous thresholds, with what filtering again needs (CandidateFile)
 *   labels/NAME.png, overlays/NAME.png, annotations.json, particles.csv, generate.json
 *   review/NAME.jsonl          the log of a person's edits; proposals are never changed
 *   dataset/images, dataset/masks   accepted images
 */
import { join } from 'node:path'
import type { CompressedRle } from '../../engine/masks/rle'
import type { Overlap } from '../../engine/generate/candidate'

/** What an image is, as far as masks and measurements need it. */
export interface ImageInfo {
  /** The name of all its files, without extension; unique in the project. */
  name: string
  width: number
  height: number
  /** The file that it was read from, and its page. */
  source: string
  page: number
  /** Rows that were cut off at the bottom: the info bar. */
  croppedBottom: number
  /** Metres a pixel, and where that was read: 'FEI tag 34682', '--pixel-size'; null where nothing tells. */
  pixelSize: { metres: number; from: string } | null
}

/** A mask as files hold it: the reference's names. */
export interface ProposalRecord {
  segmentation: CompressedRle
  area: number
  /** x, y, width, height. */
  bbox: [number, number, number, number]
  predicted_iou: number
  stability_score: number
  point_coords: [number, number][]
  /** x, y, width, height. */
  crop_box: [number, number, number, number]
}

export interface ProposalFile {
  version: 1
  image: ImageInfo
  /** How they were made: model, adapter, input size, every option. */
  generator: { model: string; adapter: string | null; size: number; options: Record<string, unknown> }
  /** Tells whether the same image under the same options was done before. */
  key: string
  /** Of the generator, on this image. */
  seconds: number
  /** Masks that the model gave, three a point; and how many each filter removed, in order. */
  masks: number
  removed: Record<string, number>
  records: ProposalRecord[]
}

export interface CandidateFile {
  version: 1
  image: ImageInfo
  /** By predicted IoU, the best first. */
  candidates: ProposalRecord[]
  overlaps: Overlap[]
  /** The filters' settings that gave the proposals (FilterOptions). */
  options: Record<string, unknown>
}

export const folders = ['images', 'proposals', 'candidates', 'labels', 'overlays', 'review', 'dataset'] as const

/** The path of one of an image's files. */
export const projectFile = {
  image: (dir: string, name: string) => join(dir, 'images', `${name}.png`),
  proposals: (dir: string, name: string) => join(dir, 'proposals', `${name}.json`),
  candidates: (dir: string, name: string) => join(dir, 'candidates', `${name}.json`),
  labels: (dir: string, name: string) => join(dir, 'labels', `${name}.png`),
  overlay: (dir: string, name: string) => join(dir, 'overlays', `${name}.png`),
  log: (dir: string, name: string) => join(dir, 'review', `${name}.jsonl`),
}
