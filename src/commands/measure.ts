/** @file `wgsam measure`: measures the sizes and shapes of particles in label maps, projects and COCO annotations. */
import { join, resolve } from 'node:path'
import { version } from '../../package.json'
import { parsePixelSize } from '../images/micrograph'
import type { PixelSize } from '../images/microscope/pixel-size'
import { UserError } from '../host/errors'
import { writeAtomic, writeFileAtomic } from '../host/files'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import { mergeMeasured } from '../measure/kept-images'
import { type Measured, type MeasureOptions, measureSources } from '../measure/measure'
import { figureFile, measureFigures } from '../measure/output/histograms'
import { particleLines } from '../measure/output/particles'
import { renderSheet } from '../measure/output/sheet'
import { renderMeasureReport } from '../measure/output/measure-report'
import { checkResultFolder, defaultFolder, inputsFrom } from '../measure/output/result-folder'
import { groupsCsv, percentilesCsv, shapesCsv, summaryCsv, summaryJson } from '../measure/output/summary'
import { remarkLines, summaryText } from '../measure/output/text'
import { findSources } from '../measure/sources'
import type { Source } from '../measure/sources/source'
import { type ReferenceCurve, readReferenceCurve } from '../measure/sources/reference-curve'
import { edgeRules } from '../measure/statistics/edges'
import { type Diameter, diameters, summariseSizes, type Summary, type SummaryOptions } from '../measure/summary'
import { unitChoices } from '../measure/units'
import type { Command } from '../cli/command'
import { choice, flag, number, text, type Values } from '../cli/options'
import { itemsOf } from '../parts/part'
import { beginPart, partOptions, runDivided, type Work, withoutPart } from './options/part'

export const command: Command = {
  name: 'measure',
  summary: 'measure sizes and shapes of particles: a table, size distributions, a report',
  usage: 'PATH... [--pixel-size 12nm] [--group-by RULE] [--out DIR]',
  positionals: [1, 10_000],
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      description:
        'folder of the results (default: PATH/measured in a project or dataset, PATH-measured beside label maps or a file, ' +
        'measured for several paths)',
    },
    images: {
      type: 'string',
      value: 'DIR',
      description: 'folder of the images, matched to label maps by name, if they are not beside the label maps',
    },
    'accepted-only': { type: 'boolean', description: 'of a project, measure only images accepted in review' },
    'pixel-size': {
      type: 'string',
      value: 'LENGTH',
      description: 'side of a pixel, the same for all images, e.g. 12nm',
    },
    'pixel-height': {
      type: 'string',
      value: 'LENGTH',
      description: 'height of a pixel, if it differs from its width, --pixel-size',
    },
    tilt: {
      type: 'string',
      value: 'DEGREES',
      default: '0',
      description: 'tilt of the stage about the image’s rows, which shortens the columns',
    },
    sections: {
      type: 'boolean',
      description:
        'the images are polished sections: estimate the diameters of spheres from those of their sections (Saltykov), and the grain size number (ASTM E112)',
    },
    compare: {
      type: 'string',
      value: 'FILE',
      description:
        'CSV file with the cumulative size distribution by volume of another method, such as laser diffraction or sieving, to draw and compare',
    },
    'pixel-size-error': {
      type: 'string',
      value: 'PERCENT',
      default: '1',
      description: 'standard deviation of the pixel size, for the uncertainty of D50',
    },
    'border-error': {
      type: 'string',
      value: 'PIXELS',
      default: '0.5',
      description: 'standard deviation of the position of all outlines, for the uncertainty of D50',
    },
    'model-error': {
      type: 'string',
      value: 'PERCENT',
      default: 'auto',
      description:
        'standard deviation of the model’s sizes; auto: of a project, how much its masks change with the threshold, otherwise 0. ' +
        '`wgsam eval --prompt auto` measures the error of D50 on labelled images',
    },
    unit: {
      type: 'string',
      value: 'UNIT',
      default: 'auto',
      description: `unit of lengths: ${unitChoices.join(', ')}`,
    },
    edges: {
      type: 'string',
      value: 'RULE',
      default: 'correct',
      description:
        'particles that touch the image edge: exclude, include, or correct (exclude them, and weight the others to ' +
        'compensate)',
    },
    diameter: {
      type: 'string',
      value: 'NAME',
      default: 'equivalent',
      description: `diameter shown in distributions: ${Object.keys(diameters).join(', ')}`,
    },
    'min-pixels': {
      type: 'string',
      value: 'N',
      default: '1',
      description: 'exclude particles with fewer pixels from the distributions',
    },
    'group-by': {
      type: 'string',
      value: 'RULE',
      description:
        'grouping rule; images of one group are also summarised together. column:NAME of groups.csv or index.csv, or a ' +
        'regular expression applied to the file names',
    },
    reference: {
      type: 'string',
      value: 'GROUP',
      description: 'compare the other groups with this one only (default: each pair)',
    },
    percentiles: {
      type: 'string',
      value: 'LIST',
      default: '5,10,25,50,75,90,95',
      description: 'percentiles in the tables, percent, each with its bootstrap and its exact binomial interval',
    },
    error: {
      type: 'string',
      value: 'PERCENT',
      default: '5',
      description: 'wanted relative error, for which the report says how many particles are needed (ISO 13322-1)',
    },
    pictures: {
      type: 'string',
      value: 'N',
      default: '12',
      description: 'show at most N images with their particles in the report',
    },
    bins: {
      type: 'string',
      value: 'N',
      description: 'approximate number of bins (default: by the Freedman-Diaconis rule)',
    },
    log: {
      type: 'boolean',
      description: 'logarithmic bins and axes (also without it if sizes span more than a factor of ten)',
    },
    linear: { type: 'boolean', description: 'linear bins and axes, whatever the range of sizes' },
    resample: {
      type: 'string',
      value: 'UNITS',
      default: 'auto',
      description:
        'what the bootstrap for confidence intervals resamples: images, particles, or auto (images if there are at least ' +
        'five)',
    },
    resamples: {
      type: 'string',
      value: 'N',
      default: '1000',
      description: 'number of bootstrap resamples; 0 for no intervals',
    },
    level: {
      type: 'string',
      value: 'PERCENT',
      default: '95',
      description: 'confidence level of the intervals, percent',
    },
    seed: { type: 'string', value: 'N', default: '0', description: 'random seed for the bootstrap' },
    ...partOptions,
    json: { type: 'boolean', description: 'print summary.json' },
  },
  details: `PATH is a label map, also of other programs such as Cellpose or StarDist; a folder of label maps, or with labels/ or masks/
(and images/); a COCO file; a set of regions of ImageJ (NAME.zip beside the image NAME); or a project of \`wgsam generate\` and \`wgsam review\`, whose masks are measured in their present state, including edits.

Lengths are in pixels unless the pixel size is known from --pixel-size, a column pixel_size in groups.csv, the project, or
the metadata of the image.

Writes particles.csv (a row for each particle), summary.csv, percentiles.csv, shapes.csv, groups.csv, summary.json, figures (*.svg) and
report.html, which also prints well, and sheet.html, the result on one page.
docs/measure.md defines all measurements.`,
  async run(values, paths) {
    const named = text(values, 'out')
    const out = named ?? defaultFolder(paths)
    const division = { name: 'measure', usesGpu: false, folder: () => out, lastOptions: ['out', ...summaryNames] }
    return runDivided(values, paths, division, (work) => run(values, paths, out, work))
  },
}

async function run(values: Values, paths: string[], out: string, { part, merging, records }: Work): Promise<number> {
  const options = summaryOptions(values)
  const typed = text(values, 'pixel-size')
  const pixelSize = typed === undefined ? null : parsePixelSize(typed)
  if (pixelSize && options.unit === 'px') throw new UserError('--pixel-size and --unit px contradict each other')
  const compared = text(values, 'compare')
  const reference = compared === undefined ? null : await readReferenceCurve(compared)
  const { sources, grouped } = await findSources(paths, {
    images: text(values, 'images') ?? null,
    groupBy: text(values, 'group-by'),
    acceptedOnly: flag(values, 'accepted-only'),
  })
  const replaced = checkResultFolder(out, paths, text(values, 'out') !== undefined)
  if (replaced) console.error(replaced)
  const settings = {
    ...{ pixelSize, stretch: stretchOf(values, pixelSize) },
    pictures: number(values, 'pictures', { min: 0, max: 1000, integer: true })!,
  }
  const names = sources.map(({ name }) => name)
  let measured: Measured
  if (merging) {
    const merged = await mergeMeasured(names, records!, settings.pictures)
    await records!.expectAll(names, merged.done)
    measured = merged.measured
  } else {
    if (part) await beginPart(records!, part, null)
    measured = await measureWithProgress(itemsOf(sources, part), { ...settings, ...(part && { store: records! }) })
  }
  for (const { name, reason, failed } of measured.unmeasured) if (failed) console.error(`${name}: ${reason}`)
  const failed = measured.unmeasured.some(({ failed }) => failed)
  if (measured.stopped) {
    console.error(part ? 'stopped: the images measured so far are kept' : 'stopped: nothing was written')
    return 130
  }
  if (part) return failed ? 1 : 0
  if (!measured.images.length) throw new UserError('no image could be measured')
  const summary = summariseSizes(measured.images, grouped, options)
  if (reference && summary.unit.metres === null)
    throw new UserError('--compare needs the pixel size of the images: give it with --pixel-size 12nm')
  const json = summaryJson(summary, measured, options, withoutPart(), inputsFrom(out, paths))
  await write(out, measured, summary, options, reference, json)
  if (flag(values, 'json')) console.log(JSON.stringify(json, null, 1))
  else print(out, measured, summary, options)
  return failed ? 1 : 0
}

async function measureWithProgress(sources: readonly Source[], options: MeasureOptions): Promise<Measured> {
  const bar = new Progress('measuring', sources.length, { unit: 'images' })
  const interrupt = interruption(() => console.error('\nstopping after this image; press Ctrl-C again to end at once'))
  try {
    return await measureSources(sources, {
      ...options,
      onProgress: (done, name) => bar.update(done, name),
      stop: () => interrupt.requested,
    })
  } finally {
    interrupt.dispose()
  }
}

/** Options of the summary, on which no measurement of an image depends. */
const summaryNames =
  'sections compare pixel-size-error border-error model-error unit edges diameter min-pixels reference percentiles error bins log linear resample resamples level seed'.split(
    ' ',
  )

function summaryOptions(values: Values): SummaryOptions {
  if (flag(values, 'log') && flag(values, 'linear')) throw new UserError('--log and --linear contradict each other')
  const level = number(values, 'level', { min: 50, max: 99.9 })!
  return {
    unit: choice(values, 'unit', unitChoices)!,
    edges: choice(values, 'edges', edgeRules)!,
    diameter: choice(values, 'diameter', Object.keys(diameters) as Diameter[])!,
    minPixels: number(values, 'min-pixels', { min: 1, integer: true })!,
    percentiles: percentileList(text(values, 'percentiles')!),
    error: number(values, 'error', { min: 0.1, max: 100 })! / 100,
    errors: {
      pixelSize: number(values, 'pixel-size-error', { min: 0, max: 50 })! / 100,
      border: number(values, 'border-error', { min: 0, max: 100 })!,
      model: text(values, 'model-error') === 'auto' ? null : number(values, 'model-error', { min: 0, max: 50 })! / 100,
    },
    reference: text(values, 'reference'),
    sections: flag(values, 'sections'),
    scale: flag(values, 'linear') ? 'linear' : flag(values, 'log') ? 'log' : 'auto',
    bins: number(values, 'bins', { min: 1, max: 1000, integer: true }),
    resample: choice(values, 'resample', ['auto', 'images', 'particles'])!,
    resamples: number(values, 'resamples', { min: 0, max: 100_000, integer: true })!,
    level: level / 100,
    seed: number(values, 'seed', { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true })!,
  }
}

/** Height of a pixel on the sample divided by its width. @throws UserError for a height without a width */
function stretchOf(values: Values, pixelSize: PixelSize | null): number {
  const height = text(values, 'pixel-height')
  const tilt = number(values, 'tilt', { min: 0, max: 80 })!
  if (height !== undefined && !pixelSize)
    throw new UserError('--pixel-height needs --pixel-size, the width of a pixel, beside it')
  const ratio = height === undefined ? 1 : parsePixelSize(height, '--pixel-height').metres / pixelSize!.metres
  if (ratio < 0.05 || ratio > 20)
    throw new UserError(
      `--pixel-height ${height} is ${ratio.toPrecision(3)} times the width of a pixel; 0.05 to 20 times is possible`,
    )
  return ratio / Math.cos((tilt * Math.PI) / 180)
}

/** Ascending fractions. @throws UserError for what is not a percentage between 0 and 100 */
function percentileList(typed: string): number[] {
  const parts = typed.split(',').map((part) => ({ part: part.trim(), value: Number(part) / 100 }))
  for (const { part, value } of parts)
    if (!part || !(value > 0 && value < 1))
      throw new UserError(`--percentiles ${typed}: “${part}” is not a percentage above 0 and below 100, e.g. 10,50,90`)
  if (parts.length > 100) throw new UserError(`--percentiles: ${parts.length} percentiles are too many; at most 100`)
  return [...new Set(parts.map(({ value }) => value))].sort((a, b) => a - b)
}

async function write(
  out: string,
  measured: Measured,
  summary: Summary,
  options: SummaryOptions,
  reference: ReferenceCurve | null,
  json: object,
): Promise<void> {
  const command = withoutPart()
  const figures = measureFigures(summary, options.diameter, reference)
  await writeAtomic(join(out, 'particles.csv'), async (file) => {
    for (const lines of particleLines(summary)) await file.write(lines)
  })
  await writeFileAtomic(join(out, 'summary.csv'), summaryCsv(summary))
  await writeFileAtomic(join(out, 'percentiles.csv'), percentilesCsv(summary))
  await writeFileAtomic(join(out, 'shapes.csv'), shapesCsv(summary))
  if (summary.differences.length) await writeFileAtomic(join(out, 'groups.csv'), groupsCsv(summary))
  await writeFileAtomic(join(out, 'summary.json'), JSON.stringify(json, null, 1) + '\n')
  for (const figure of figures) await writeFileAtomic(join(out, figure.file), figureFile(figure))
  const report = { summary, measured, options, figures, reference, command, version }
  await writeFileAtomic(join(out, 'report.html'), renderMeasureReport(report))
  await writeFileAtomic(join(out, 'sheet.html'), renderSheet(report))
}

function print(out: string, measured: Measured, summary: Summary, options: SummaryOptions): void {
  console.log(summaryText(summary, options.diameter))
  for (const line of remarkLines(summary, measured, options)) console.log(line)
  for (const { name, notes } of measured.images) for (const note of notes) console.log(`${name}: ${note}`)
  console.log(`\nresults: ${resolve(out)}\nreport: ${resolve(out, 'report.html')}`)
}
