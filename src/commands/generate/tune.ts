/** @file `wgsam generate tune`: finds the filter thresholds that score best on a few labelled images. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { nextImage } from '../../../engine/generate/at-scale'
import { MaskGenerator } from '../../../engine/generate/generator'
import { ReadAhead } from '../../../engine/read-ahead'
import type { View } from '../../../engine/scale/view'
import { diameterInPixels } from '../../images/diameter'
import { readMicrograph } from '../../images/micrograph'
import { toRGB8 } from '../../images/rgb8'
import { UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { generatorFlags, generatorOptions } from '../options/generator'
import { findTuneImage, type Trial, TUNING_FLOORS, type TuneImage } from '../../../engine/tune/tune-thresholds'
import { thresholdText } from '../../evaluation/tuned-thresholds'
import { describeCalibration } from '../../evaluation/calibrate-generator'
import { tuneGenerator } from '../../../engine/tune/tune-generator'
import { interruption } from '../../host/interrupt'
import { Progress } from '../../host/progress'
import { percent } from '../../report/evaluation-table'
import { evenlySpaced } from '../../../engine/evenly-spaced'
import { updateAdapterProfile } from '../../weights/adapter-profile'
import type { Command } from '../../cli/command'
import { commandText, generateCommand } from '../../cli/next-command'
import { choice, flag, number, text } from '../../cli/options'
import { adapterBand } from '../../model/adapter-band'
import { describeView } from '../../model/describe-view'
import { checkPrompts } from '../../model/check-prompts'
import { diameterOption, pixelSizeOption, readDiameter } from '../options/diameter'
import { modelOptions, openChosenModel, withAdapterFolders } from '../options/model'
import { selectOptions } from '../options/split'
import { chooseInputs, readingOptions } from './inputs'
import { modelIdentity, scoreLines } from './results'
import { cautions } from './tune-cautions'

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
    ...diameterOption,
    ...pixelSizeOption,
    ...generatorFlags,
    store: {
      type: 'boolean',
      description:
        'also store the thresholds with the adapter, which then uses them by default; the minimum area, which depends on the ' +
        'scale of the images, is then not searched',
    },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Generates candidates once, then filters them with a coarse grid of thresholds and a finer one around the best. Maximises
the mean of the F1 scores at IoU 0.5 and 0.75 over all instances. Images are seen at the scale at which \`wgsam generate\` sees
them with the same --diameter, in tiles where particles are small. \`wgsam generate --thresholds tuned.json\` uses the result.
\`wgsam train\` does the same at its end, with --store, on a few validation images.

  wgsam generate tune --data particles --adapter runs/first/best --store`,
  async run(given) {
    const values = withAdapterFolders(given)
    const adapter = text(values, 'adapter')
    // keep every candidate that a threshold of the search could accept
    const options = await generatorOptions(values, TUNING_FLOORS)
    const diameter = readDiameter(values, options)
    const reading = readingOptions(values)
    const store = flag(values, 'store')
    if (store && !(adapter !== undefined && statSync(adapter, { throwIfNoEntry: false })?.isDirectory()))
      throw new UserError('--store requires --adapter DIR, the folder of an adapter')
    const all = await chooseInputs(values, [])
    const inputs = evenlySpaced(all, number(values, 'images', { min: 1, integer: true }) ?? all.length)
    const opened = await openChosenModel(values)
    const controller = new AbortController()
    const interrupt = interruption(() => controller.abort(new Error('stopped')))
    try {
      checkPrompts(opened.model, options, opened.adapter?.path ?? opened.name)
      const generator = await MaskGenerator.create(opened.model, options)
      const bar = new Progress('generating', inputs.length, { unit: 'images' })
      const band = await adapterBand(opened.adapter?.path ?? null, opened.model)
      const images: (TuneImage & { view: View })[] = []
      const labelled = new ReadAhead(
        inputs.map(({ path, name, truth }) => async () => {
          const { image, pixelSize } = await readMicrograph(path, reading)
          const labels = await truth!()
          if (labels.width !== image.width || labels.height !== image.height)
            throw new UserError(`${name}: labels and image have different sizes`)
          const rgb = { width: image.width, height: image.height, rgb: toRGB8(image) }
          return { rgb, labels, scale: { diameter: diameterInPixels(diameter, { name, pixelSize }), band } }
        }),
      )
      const next = () => labelled.next && nextImage(generator, labelled.next.rgb, labelled.next.scale)
      for (const [i, { name }] of inputs.entries()) {
        const { rgb, labels, scale } = await labelled.take(i)
        const onProgress = (done: number, total: number) => bar.update(i + done / total, name)
        images.push(await findTuneImage(generator, rgb, labels, { scale, signal: controller.signal, onProgress, next }))
        bar.update(i + 1)
      }
      bar.finish()
      const trying = new Progress('trying thresholds', undefined)
      const part = choice(values, 'split', ['train', 'val', 'test', 'all'])!
      const onProgress = (done: number) => trying.update(done)
      const { tuned, parts } = await tuneGenerator(images, generator.options, part, {
        areas: !store,
        relativeScore: number(values, 'relative-score-thresh'),
        onProgress,
      })
      const { chosen, before, trials } = tuned
      const seen = images.map(({ view }, i) => `${inputs[i].name}: ${describeView(view)}`)
      if (!chosen.f1)
        throw new UserError(
          `none of the ${chosen.scores.instances} labelled particles is matched by a mask that the generator found (IoU of 0.5 or more), ` +
            'whatever the thresholds: nothing is written. Give it more points (--points-per-side) or the size of the particles ' +
            '(--diameter), use an adapter that knows them, or check the labels with `wgsam dataset check`. The images were seen ' +
            `like this:\n${seen.slice(0, 5).join('\n')}${seen.length > 5 ? '\n…' : ''}`,
        )
      const result = {
        version: 1,
        thresholds: chosen.thresholds,
        f1: chosen.f1,
        scores: chosen.scores,
        before,
        /** What a predicted IoU means, from the same masks; null if there are too few. */
        calibration: parts.calibration ?? null,
        images: inputs.map(({ name }) => name),
        /** For each image the parts of it that the model saw. */
        views: images.map(({ view }) => view),
        ...modelIdentity(opened),
        options,
        trials: trials.map(({ thresholds, f1 }) => ({ ...thresholds, f1: Number(f1.toFixed(5)) })),
      }
      const out = text(values, 'out')!
      await writeFileAtomic(out, JSON.stringify(result, null, 1) + '\n')
      if (store) await updateAdapterProfile(opened.adapter!.path, parts)
      if (flag(values, 'json')) console.log(JSON.stringify({ ...result, trials: trials.length }, null, 1))
      else {
        for (const line of seen) console.log(line)
        console.log(`before: ${describe(before)}\n\nchosen of ${trials.length}: ${describe(chosen)}\n`)
        if (parts.calibration) console.log(`${describeCalibration(parts.calibration)}\n`)
        for (const line of cautions(images.length, chosen, before)) console.log(`${line}\n`)
        console.log(`written: ${resolve(out)}${store ? `, and stored with ${opened.adapter!.path}` : ''}`)
        const { name, modelConfig, size } = opened
        const model = {
          model: name,
          modelConfig,
          adapter: opened.adapter?.path,
          size: text(values, 'size') ? size : null,
        }
        const more = store ? {} : { thresholds: out }
        console.log(`next: ${commandText(generateCommand({ images: ['IMAGES'], out: 'project', more, ...model }))}`)
      }
    } catch (error) {
      if (controller.signal.aborted) return 130
      throw error
    } finally {
      interrupt.dispose()
      opened.engine.destroy()
    }
  },
}

const describe = ({ thresholds, f1, scores }: Trial) =>
  `${thresholdText(thresholds)}, area from ${thresholds.minArea} pixels: mean F1 ${percent(f1)}\n${scoreLines(scores)}`
