/** @file `wgsam generate tune`: finds the filter thresholds that score best on a few labelled images. */
import { resolve } from 'node:path'
import { MaskGenerator } from '../../../engine/generate/generator'
import { readImage } from '../../images/read-image'
import { toRGB8 } from '../../images/rgb8'
import { UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { generatorFlags, generatorOptions } from '../options/generator'
import { pairMasks } from '../../evaluation/detection'
import { type Trial, type TuneImage, tuneThresholds } from '../../generate/tune-thresholds'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { percent } from '../../report/evaluation-table'
import type { Command } from '../../cli/command'
import { flag, number, text } from '../../cli/options'
import { modelOptions, openChosenModel } from '../options/model'
import { selectOptions } from '../options/split'
import { chooseInputs } from './inputs'
import { modelIdentity, scoreLines } from './results'

export const command: Command = {
  name: 'generate tune',
  summary: 'find the filter thresholds that score best on a few labelled images',
  usage: '--data DIR [--split val] [--adapter DIR] [--out FILE] [options]',
  options: {
    ...modelOptions,
    ...selectOptions,
    split: {
      ...selectOptions.split,
      default: 'val',
      description:
        'part of the dataset to use: val, train, test or all; do not tune on the part that you report results on',
    },
    images: {
      type: 'string',
      value: 'N',
      description: 'use at most N images, evenly spaced in the list (default: all)',
    },
    out: {
      type: 'string',
      value: 'FILE',
      default: 'tuned.json',
      description: 'file to write: the chosen thresholds, their scores, and all trials',
    },
    ...generatorFlags,
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Generates candidates once, then filters them with a coarse grid of thresholds and a finer one around the best. Maximises
the mean of the F1 scores at IoU 0.5 and 0.75 over all instances. \`wgsam generate --thresholds tuned.json\` uses the result.`,
  async run(values) {
    // keep every candidate that a threshold of the search could accept
    const options = await generatorOptions(values, { floorPredIou: 0.4, floorStability: 0.4 })
    const all = await chooseInputs(values, [])
    const limit = number(values, 'images', { min: 1, integer: true }) ?? all.length
    const step = Math.max(1, all.length / limit)
    const inputs = Array.from({ length: Math.min(limit, all.length) }, (_, i) => all[Math.floor(i * step)])
    const opened = await openChosenModel(values)
    const controller = new AbortController()
    const interrupt = interruption(() => controller.abort(new Error('stopped')))
    try {
      const generator = await MaskGenerator.create(opened.model, options)
      const bar = new Progress('generating', inputs.length, { unit: 'images' })
      const images: TuneImage[] = []
      for (const [i, { path, name, truth }] of inputs.entries()) {
        const image = await readImage(path)
        const labels = await truth!()
        if (labels.width !== image.width || labels.height !== image.height)
          throw new UserError(`${name}: labels and image have different sizes`)
        const set = await generator.candidates(
          { width: image.width, height: image.height, rgb: toRGB8(image) },
          { signal: controller.signal, onProgress: (done, total) => bar.update(i + done / total, name) },
        )
        const masks = set.candidates.map(({ mask }) => mask)
        // without the masks: those of all images would not fit into memory
        const scored = set.candidates.map(({ area, box, predictedIou, stability, crop }) => ({
          area,
          box,
          predictedIou,
          stability,
          crop,
        }))
        images.push({
          set: { size: set.size, overlaps: set.overlaps, candidates: scored },
          pairs: pairMasks(labels, masks),
        })
        bar.update(i + 1)
      }
      bar.finish()
      const trying = new Progress('trying thresholds', undefined)
      const floors = { predIouThresh: options.floorPredIou, stabilityScoreThresh: options.floorStability }
      const { best, before, trials } = await tuneThresholds(images, options, floors, (done) => trying.update(done))
      const result = {
        version: 1,
        thresholds: best.thresholds,
        f1: best.f1,
        scores: best.scores,
        before,
        images: inputs.map(({ name }) => name),
        ...modelIdentity(opened),
        options,
        trials: trials.map(({ thresholds, f1 }) => ({ ...thresholds, f1: Number(f1.toFixed(5)) })),
      }
      const out = text(values, 'out')!
      await writeFileAtomic(out, JSON.stringify(result, null, 1) + '\n')
      if (flag(values, 'json')) console.log(JSON.stringify({ ...result, trials: trials.length }, null, 1))
      else
        console.log(
          `before: ${describe(before)}\n\nbest of ${trials.length}: ${describe(best)}\n\nwritten: ${resolve(out)}`,
        )
    } catch (error) {
      if (controller.signal.aborted) return 130
      throw error
    } finally {
      interrupt.dispose()
      opened.engine.destroy()
    }
  },
}

const describe = ({ thresholds: { predIouThresh, stabilityScoreThresh, minArea }, f1, scores }: Trial) =>
  `predicted IoU above ${predIouThresh}, stability from ${stabilityScoreThresh}, area from ${minArea} pixels: mean F1 ${percent(f1)}\n${scoreLines(scores)}`
