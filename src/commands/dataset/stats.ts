/** @file `wgsam dataset stats`: counts and size distributions of a dataset, as a table, JSON and a figure. */
import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import type { Command } from '../../cli/command'
import { flag, text } from '../../cli/options'
import { openSplit, parts } from '../../dataset/split'
import { UserError } from '../../host/errors'
import { equivalentDiameter } from '../../../engine/masks/equivalent-diameter'
import { writeFileAtomic } from '../../host/files'
import { Progress } from '../../host/progress'
import { statsPage } from '../../dataset/stats-page'
import { type DatasetStats, measureItems, type Quantiles, summariseDataset } from '../../dataset/stats'
import { histogram, histogramSvg } from '../../dataset/size-histogram'
import { dataOptions, jsonOption, onBadOption, openData } from '../options/data'
import { textTable } from '../../text/table'

export const command: Command = {
  name: 'dataset stats',
  summary: 'count images and instances; distributions of size and coverage; a table and a figure',
  usage: '--data DIR [--split-file FILE] [--figure FILE] [--json]',
  options: {
    ...dataOptions,
    ...onBadOption,
    'split-file': { type: 'string', value: 'FILE', description: 'split file; adds a column for each of its parts' },
    figure: {
      type: 'string',
      value: 'FILE',
      description: 'file to write: a page with the table and figures (.html), or the size distribution only (.svg)',
    },
    ...jsonOption,
  },
  details: `Lengths and areas are in pixels. The diameter is that of a disc of the same area. Two instances touch if they have adjacent
pixels, diagonals included. All instances count, also those at the edge of the image.`,
  async run(values) {
    const figure = text(values, 'figure')
    if (figure && !['.html', '.svg'].includes(extname(figure).toLowerCase()))
      throw new UserError(`--figure takes a name that ends in .html or .svg, not "${figure}"`)
    const splitFile = text(values, 'split-file')
    if (splitFile && !existsSync(splitFile)) throw new UserError(`there is no split file ${splitFile}`)
    const { items, folders } = await openData(values, 1)
    const split = splitFile ? await openSplit(splitFile, items, { seed: 0 }) : null
    const bar = new Progress('measuring', undefined)
    const measured = await measureItems(items, (done, total, id) => bar.update(done, id, total))
    const columns: Record<string, DatasetStats> = { all: summariseDataset(measured) }
    for (const part of split ? parts : []) {
      const ids = new Set(split![part])
      columns[part] = summariseDataset(measured.filter(({ image }) => ids.has(image.id)))
    }
    if (figure) {
      const diameters = measured.flatMap(({ areas }) => areas.map(equivalentDiameter))
      const svg = histogramSvg(histogram(diameters), 'Diameters', 'equivalent diameter, pixels')
      const page = () => statsPage(folders.join(', '), rowsOf(columns), measured)
      await writeFileAtomic(figure, extname(figure).toLowerCase() === '.svg' ? svg + '\n' : page())
    }
    if (flag(values, 'json'))
      console.log(JSON.stringify({ folders, ...columns, images: measured.map(({ image }) => image) }, null, 1))
    else console.log(textTable(rowsOf(columns), 1))
  },
}

/** A row for each quantity, a column for each part of the dataset. */
export function rowsOf(columns: Record<string, DatasetStats>): string[][] {
  const all = Object.values(columns)
  const row = (name: string, of: (stats: DatasetStats) => string) => [name, ...all.map(of)]
  const three = (value: number) => String(Number(value.toPrecision(3)))
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  const spread = (q: Quantiles | null, text = three) => (q ? `${text(q.p5)} | ${text(q.median)} | ${text(q.p95)}` : '–')
  const range = (q: Quantiles | null) => (q ? `${three(q.min)} to ${three(q.max)}` : '–')
  return [
    ['', ...Object.keys(columns)],
    row('images', ({ images }) => `${images}`),
    row('groups', ({ groups }) => `${groups}`),
    row('instances', ({ instances }) => `${instances}`),
    row('instances per image, 5 | 50 | 95 %', ({ perImage }) => spread(perImage)),
    row('area, pixels, 5 | 50 | 95 %', ({ area }) => spread(area)),
    row('area, minimum to maximum', ({ area }) => range(area)),
    row('diameter, pixels, 5 | 50 | 95 %', ({ diameter }) => spread(diameter)),
    row('coverage, 5 | 50 | 95 %', ({ coverage }) => spread(coverage, percent)),
    row('touching another', ({ touching }) => percent(touching)),
    row('at the edge', ({ border }) => percent(border)),
    row('sizes of images', ({ sizes }) => {
      const shown = sizes.slice(0, 2).map(({ width, height, images }) => `${images} × ${width}x${height}`)
      return shown.join(', ') + (sizes.length > 2 ? `, ${sizes.length - 2} more` : '')
    }),
  ]
}
