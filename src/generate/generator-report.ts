/** @file The report of `wgsam generate`: masks removed by each filter, scores against labels if there are any, and pictures. */
import sharp from 'sharp'
import { labelMap } from '../../engine/masks/paint-label-map'
import { decodeMask } from '../../engine/masks/rle'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { describeView } from '../model/describe-view'
import { duration } from '../host/progress'
import { evenlySpaced } from '../../engine/evenly-spaced'
import { count } from '../text/count'
import { escape } from '../text/escape'
import type { Hardware } from '../host/hardware'
import { labelOverlay } from '../drawing/label-overlay'
import { shownSize } from '../drawing/raster'
import { factTable, page } from '../drawing/html-page'
import { percent } from '../report/evaluation-table'
import { filterTitles } from './few-masks'
import type { ImageResult, ImageScores } from './generate-folder'
import type { ProposalFile } from '../project/file-schemas'
import { projectFile } from '../project/project'
import type { Interval } from '../evaluation/bootstrap'
import { countAndSizeErrors, type CountAndSizeErrors } from '../evaluation/d50-error'
import { type MaskScores, poolScores } from '../../engine/tune/detection'

/** Maximum number of pictures in a report. */
const MAX_PICTURES = 12
/** Their longest side, pixels. */
const LONGEST_SIDE = 900

export interface GenerateReport {
  dir: string
  results: readonly ImageResult[]
  facts: [string, string][]
  /** Null without a model. */
  hardware: Hardware | null
  command: string
}

export async function renderGenerateReport({
  dir,
  results,
  facts,
  hardware,
  command,
}: GenerateReport): Promise<string> {
  const files = results.flatMap(({ file }) => file ?? [])
  const failed = results.filter(({ outcome }) => outcome === 'failed')
  const scores = results.flatMap(({ scores }) => scores ?? [])
  const masks = files.reduce((sum, { records }) => sum + records.length, 0)
  const pooled = scores.length ? poolScores(scores) : null
  const errors = scores.length ? countAndSizeErrors(scores) : null
  return page({
    title: 'Proposed masks',
    about: `${count(masks, 'mask')} on ${count(files.length, 'image')}; wgsam review opens them for correction.`,
    body: `${pooled && errors ? scoreTiles(pooled, errors) : ''}
${failed.length ? `<h2>Not read</h2><ul>${failed.map(({ name, note }) => `<li><b>${escape(name)}</b>: ${escape(note ?? '')}</li>`).join('')}</ul>` : ''}
<h2>Images</h2>
${imageTable(results)}
<h2>What each filter removed</h2>
${filterTable(files)}
<h2>Pictures</h2>
${await pictures(dir, files)}
<h2>Settings</h2>
${factTable(facts.concat(hardware ? machineFacts(hardware) : []))}
<h2>Command to reproduce this</h2>
<pre>${escape(command)}</pre>`,
  })
}

const machineFacts = ({ adapter, driver, versions }: Hardware): [string, string][] => [
  ['GPU adapter', `${adapter}; ${driver}`],
  ['Software', versions],
]

function scoreTiles(scores: MaskScores, { countError, d50Error, intervals }: CountAndSizeErrors): string {
  const tiles = scores.at.map(
    ({ iou, f1, precision, recall }) =>
      `<div class="tile"><b>${percent(f1)}</b><span>F1 at IoU ${iou}: precision ${percent(precision)}, recall ${percent(recall)}</span></div>`,
  )
  const count = `<div class="tile"><b>${percent(countError, true)}</b><span>percent count error ${range(intervals.countError)}: ${scores.masks} masks, ${scores.instances} labelled</span></div>`
  const size = `<div class="tile"><b>${percent(d50Error, true)}</b><span>percent error of D50, by number ${range(intervals.d50Error)}</span></div>`
  return `<div class="tiles">${tiles.join('')}${count}${size}</div>`
}

const range = (interval: Interval | null) =>
  interval ? `[${interval.map((end) => percent(end, true)).join(', ')}]` : ''

function imageTable(results: readonly ImageResult[]): string {
  const scored = results.some(({ scores }) => scores)
  const head = ['Image', 'Outcome', 'Pixels', 'Masks', 'of masks predicted', 'Prompts', 'Time']
  const more = ['labelled', 'F1 at 0.5', 'F1 at 0.75', 'count error', 'D50 error']
  const rows = results.map(({ name, outcome, file, scores, note }) => {
    const cells = file
      ? [
          `${file.image.width} × ${file.image.height}`,
          file.records.length,
          file.masks,
          file.prompts ?? '',
          duration(file.seconds),
        ]
      : ['', '', '', '', '']
    if (scored) cells.push(...(scores ? scoreCells(scores) : more.map(() => '')))
    const view = file?.generator.view ? ` <span class="soft">${escape(describeView(file.generator.view))}</span>` : ''
    const about = note && outcome !== 'failed' ? ` <span class="soft">(${escape(note)})</span>` : ''
    return `<tr><td>${escape(name)}</td><td>${outcome}${view}${about}</td>${cells.map((c) => `<td>${c}</td>`).join('')}</tr>`
  })
  const titles = [...head, ...(scored ? more : [])].map((title) => `<th>${title}</th>`).join('')
  return `<div class="scroll"><table><thead><tr>${titles}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

const scoreCells = ({ instances, at, countError, d50Error }: ImageScores) => [
  instances,
  ...at.map(({ f1 }) => percent(f1)),
  ...[countError, d50Error].map((error) => (Number.isNaN(error) ? '–' : percent(error, true))),
]

function filterTable(files: readonly ProposalFile[]): string {
  const names = [...new Set(files.flatMap(({ removed }) => Object.keys(removed)))]
  const seen = files.reduce((sum, { masks }) => sum + masks, 0)
  let left = seen
  const rows = names.map((name) => {
    const gone = files.reduce((sum, { removed }) => sum + (removed[name] ?? 0), 0)
    left -= gone
    return `<tr><td>${escape(filterTitles[name] ?? name)}</td><td class="number">${gone}</td><td>${left}</td></tr>`
  })
  return `<div class="scroll"><table><thead><tr><th>Filter, in order</th><th class="number">removed</th><th>left</th></tr></thead>
<tbody><tr><td>masks found</td><td></td><td>${seen}</td></tr>${rows.join('')}</tbody></table></div>`
}

/** Images spread evenly over the folder. */
async function pictures(dir: string, files: readonly ProposalFile[]): Promise<string> {
  const shown: string[] = []
  for (const { image, records } of evenlySpaced(files, MAX_PICTURES)) {
    const rgb = toRGB8(await readImage(projectFile.image(dir, image.name)))
    const masks = records.map(({ segmentation }) => decodeMask(segmentation))
    const size = shownSize(image, LONGEST_SIDE)
    const jpeg = await sharp(labelOverlay(rgb, labelMap(masks, image)), {
      raw: { width: image.width, height: image.height, channels: 3 },
      limitInputPixels: false,
    })
      .resize({ ...size, fit: 'fill' })
      .jpeg({ quality: 80, mozjpeg: true })
      .toBuffer()
    const title = escape(`${image.name}: ${count(records.length, 'mask')}`)
    shown.push(
      `<figure><img src="data:image/jpeg;base64,${jpeg.toString('base64')}" alt="${title}"><figcaption>${title}</figcaption></figure>`,
    )
  }
  return `<div class="pictures">${shown.join('')}</div>`
}
