/**
 * @file The project folder, shared by generating, reviewing and training. `wgsam generate` fills it, `wgsam review` edits
 * it and exports the accepted images as a dataset for `wgsam train`.
 *
 *   images/NAME.png            the image that masks refer to: info bar removed, 8 or 16 bit
 *   info-bars/NAME.png         the info bar that was cut off, with the scale bar
 *   pixel-sizes.json           pixel sizes that a person measured on scale bars
 *   classes.json               the classes of masks and their colours
 *   proposals/NAME.json        the generator's masks (ProposalFile)
 *   candidates/NAME.json       all masks above lower thresholds, with the measures that filtering needs (CandidateFile)
 *   labels/NAME.png, overlays/NAME.png, annotations.json, particles.csv: the masks as they are now, see review/current-files.ts
 *   generate.json              how the proposals were made
 *   review/annotators/WHO/NAME.jsonl   a second annotator's edits of the same proposals
 *   review/NAME.jsonl          the log of a person's edits; proposals are never changed
 *   dataset/images, dataset/masks   accepted images
 */
import { join } from 'node:path'

/** The folder of a review's logs: the project's, or that of a second annotator. */
export const reviewFolder = (dir: string, annotator?: string): string =>
  annotator === undefined ? join(dir, 'review') : join(dir, 'review', 'annotators', annotator)

/** The path of one of an image's files. */
export const projectFile = {
  image: (dir: string, name: string) => join(dir, 'images', `${name}.png`),
  infoBar: (dir: string, name: string) => join(dir, 'info-bars', `${name}.png`),
  pixelSizes: (dir: string) => join(dir, 'pixel-sizes.json'),
  classes: (dir: string) => join(dir, 'classes.json'),
  proposals: (dir: string, name: string) => join(dir, 'proposals', `${name}.json`),
  candidates: (dir: string, name: string) => join(dir, 'candidates', `${name}.json`),
  labels: (dir: string, name: string) => join(dir, 'labels', `${name}.png`),
  overlay: (dir: string, name: string) => join(dir, 'overlays', `${name}.png`),
  log: (dir: string, name: string, annotator?: string) => join(reviewFolder(dir, annotator), `${name}.jsonl`),
}
