/** @file A synthetic project as `wgsam generate` writes it, whose proposals have the errors that a review corrects. */
import { intersections } from './overlaps'
import { decodeMask, encodeMask, encodeRle } from '../../engine/masks/rle'
import type { Mask } from '../../engine/masks/mask'
import { renderScene, type SceneOptions } from '../../src/synth/synth-dataset'
import { sceneOptions } from '../../engine/synth/scene'
import { writePng } from '../../src/images/png-writer'
import { writeFileAtomic } from '../../src/host/files'
import type { CandidateFile, ProposalFile, ProposalRecord } from '../../src/project/file-schemas'
import { projectFile } from '../../src/project/project'
import { randoms } from './random'

export interface DemoScene {
  name: string
  width: number
  height: number
  /** The number of particles in the scene. */
  particles: number
  /** The number of proposals written for it. */
  proposals: number
}

const boxed = ({ x0, y0, width, height }: Mask): ProposalRecord['bbox'] => [x0, y0, width, height]

/**
 * Writes `count` images. Of every scene's particles some are missed, some merged with a neighbour, some covered by half;
 * a few masks are spurious. The candidates are the proposals and masks of lower quality.
 */
export async function writeDemoProject(
  dir: string,
  count: number,
  scene: Partial<SceneOptions> = {},
  seed = 11,
): Promise<DemoScene[]> {
  const scenes: DemoScene[] = []
  for (let i = 0; i < count; i++) {
    const { width, height, image, labels, particles } = renderScene(seed + i, sceneOptions(scene))
    const name = `scene-${i + 1}`
    const random = randoms(seed + i)
    const chance = () => (random() + 1) / 2
    const size = { width, height }
    const records: ProposalRecord[] = []
    const add = (segmentation: ProposalRecord['segmentation'], iou: number, stability: number) => {
      const mask = decodeMask(segmentation)
      const area = mask.data.reduce((sum, v) => sum + v, 0)
      if (!area) return
      records.push({
        segmentation,
        area,
        bbox: boxed(mask),
        predicted_iou: Number(iou.toFixed(4)),
        stability_score: Number(stability.toFixed(4)),
        point_coords: [[mask.x0 + mask.width / 2, mask.y0 + mask.height / 2]],
        crop_box: [0, 0, width, height],
      })
    }
    for (let id = 1; id <= particles; id++) {
      const fate = chance()
      const whole = encodeRle(labels, width, height, id)
      if (fate < 0.08) continue
      if (fate < 0.14) {
        const mask = decodeMask(whole)
        const half = mask.data.map((v, at) => (at % mask.width < mask.width / 2 ? v : 0))
        add(encodeMask({ ...mask, data: half }, size), 0.6 + 0.25 * chance(), 0.8 + 0.1 * chance())
      } else if (fate < 0.2 && id < particles) {
        const pair = Uint8Array.from(labels, (label) => (label === id || label === id + 1 ? 1 : 0))
        add(encodeRle(pair, width, height), 0.7 + 0.2 * chance(), 0.85 + 0.1 * chance())
      } else add(whole, 0.88 + 0.11 * chance(), 0.94 + 0.06 * chance())
    }
    for (let n = 0; n < 6; n++) {
      const side = 2 + Math.floor(5 * chance())
      const mask = {
        x0: Math.floor(chance() * (width - side - 1)),
        y0: Math.floor(chance() * (height - side - 1)),
        width: side,
        height: side,
        data: new Uint8Array(side * side).fill(1),
      }
      add(encodeMask(mask, size), 0.5 + 0.3 * chance(), 0.6 + 0.3 * chance())
    }
    records.sort((a, b) => b.predicted_iou - a.predicted_iou)
    const options = {
      predIouThresh: 0.6,
      stabilityScoreThresh: 0.7,
      minArea: 0,
      maxArea: 1,
      dropFrames: false,
      boxNmsThresh: 1,
      maskNmsThresh: 1,
      containmentThresh: 1,
    }
    const kept = records.filter((r) => r.predicted_iou > 0.6 && r.stability_score >= 0.7)
    const info = {
      name,
      width,
      height,
      source: `micrographs/${name}.tif`,
      page: 0,
      croppedBottom: 0,
      pixelSize: { metres: 12e-9, from: 'FEI tag 34682' },
    }
    await writePng(projectFile.image(dir, name), { width, height, channels: 1, data: image })
    const proposals: ProposalFile = {
      version: 1,
      image: info,
      generator: { model: 'made up', adapter: null, size: 512, options },
      key: '',
      seconds: 0,
      masks: records.length,
      removed: {},
      records: kept,
    }
    await writeFileAtomic(projectFile.proposals(dir, name), JSON.stringify(proposals))
    const overlaps = intersections(records.map(({ segmentation }) => decodeMask(segmentation)))
    const candidates: CandidateFile = { version: 1, image: info, candidates: records, overlaps, options }
    await writeFileAtomic(projectFile.candidates(dir, name), JSON.stringify(candidates))
    scenes.push({ name, width, height, particles, proposals: kept.length })
  }
  return scenes
}
