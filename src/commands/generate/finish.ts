/** @file What `wgsam generate` writes and prints when all images have a result: by one process, or of parts that are merged. */
import { join, resolve } from 'node:path'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import type { DiameterBand } from '../../../engine/scale/view'
import { commandText, refilterCommand, reviewCommand } from '../../cli/next-command'
import { flag, type Values } from '../../cli/options'
import { countAndSizeErrors } from '../../evaluation/d50-error'
import { poolScores } from '../../../engine/tune/detection'
import { fewMasks } from '../../generate/few-masks'
import type { FolderOptions, ImageResult, ImageScores } from '../../generate/generate-folder'
import { renderGenerateReport } from '../../generate/generator-report'
import { LOOSER } from '../../generate/looser-thresholds'
import type { Method } from '../../generate/watershed-candidates'
import { writeFileAtomic } from '../../host/files'
import type { Hardware } from '../../host/hardware'
import { duration } from '../../host/progress'
import { describeBand, describeView } from '../../model/describe-view'
import type { PartRecords } from '../../parts/part-records'
import type { OutputKind } from '../../project/outputs'
import { readProposals } from '../../project/read-proposals'
import { count } from '../../text/count'
import { withoutPart } from '../options/part'
import { errorLine, type PooledScores, scoreLines, writeCombinedFiles } from './results'

/** What is known of a run besides the results of its images. */
export interface RunFacts {
  by: FolderOptions['by']
  /** Name of the model or the absolute path of its file; null without a model. */
  model: string | null
  modelConfig: string | null
  method: Method
  options: GeneratorOptions
  /** Where the thresholds come from, as text. */
  thresholds: string
  calibrated: boolean
  band: DiameterBand
  /** Null without a model. */
  hardware: Hardware | null
}

export interface Finished {
  dir: string
  kinds: ReadonlySet<OutputKind>
  facts: RunFacts
  results: readonly ImageResult[]
  stopped: boolean
}

/** The result of an image as a part leaves it: its masks are in the project. */
type KeptResult = Omit<ImageResult, 'name' | 'file'> & { key: string | null }

/** Keeps the result of an image for the merging. One that was done before the part was begun again stays as it is. */
export async function keepResult(records: PartRecords, { name, file, ...result }: ImageResult): Promise<void> {
  const key = file?.key ?? null
  const earlier = result.outcome === 'skipped' ? await records.read<KeptResult>(name) : null
  if (earlier && earlier.key === key) return
  await records.write(name, { ...result, key } satisfies KeptResult)
}

/** @throws UserError that names images without a result */
export async function mergeGenerated(
  values: Values,
  {
    dir,
    kinds,
    inputs,
    records,
  }: Pick<Finished, 'dir' | 'kinds'> & { inputs: FolderOptions['inputs']; records: PartRecords },
): Promise<number> {
  const facts = await records.facts<RunFacts>()
  const results: ImageResult[] = []
  for (const { name } of inputs) {
    const kept = await records.read<KeptResult>(name)
    if (!kept) continue
    const { key, ...result } = kept
    const file = key === null ? null : await readProposals(dir, name).catch(() => null)
    // proposals that were deleted since are made again
    if (key === null || file) results.push({ name, file, ...result })
  }
  await records.expectAll(
    inputs.map(({ name }) => name),
    new Set(results.map(({ name }) => name)),
  )
  return finishGenerate(values, { dir, kinds, facts, results, stopped: false })
}

/** Writes the files about all images. @returns the exit code */
export async function finishGenerate(
  values: Values,
  { dir, kinds, facts, results, stopped }: Finished,
): Promise<number> {
  // of a project without an image there is nothing to combine, and the reasons are printed below
  if (results.some(({ outcome }) => outcome !== 'failed')) await writeCombinedFiles(dir, kinds)
  const { by, model, modelConfig, method, options, thresholds, calibrated, band, hardware } = facts
  const scores = results.flatMap(({ scores }) => scores ?? [])
  const pooled = scores.length ? { ...poolScores(scores), ...countAndSizeErrors(scores) } : null
  const summary = {
    ...by,
    model,
    modelConfig,
    method,
    options,
    /** Where the thresholds come from, as text. */
    thresholds,
    stopped,
    images: results.map(({ name, outcome, file, scores, note }) => ({
      name,
      outcome,
      note,
      masks: file?.records.length ?? null,
      prompts: file?.prompts ?? null,
      seconds: file?.seconds ?? null,
      view: file?.generator.view ?? null,
      removed: file?.removed ?? null,
      scores: scores && withoutDiameters(scores),
    })),
    scores: pooled,
    hardware,
    command: withoutPart(),
  }
  await writeFileAtomic(join(dir, 'generate.json'), JSON.stringify(summary, null, 1) + '\n')
  const reportPath = join(dir, 'report.html')
  if (flag(values, 'report')) {
    const about: [string, string][] = [['Method', methodTexts[method]]]
    if (model !== null)
      about.push(
        ['Model', `${by.model}, input ${by.size} × ${by.size}${by.adapter ? `, adapter ${by.adapter}` : ''}`],
        ['Prompts', promptText(options)],
        ['Thresholds', thresholds],
        ['Predicted IoU', calibrated ? 'as predicted, and calibrated on validation images' : 'as predicted'],
        ['Particles', describeBand(band)],
      )
    const report = await renderGenerateReport({ dir, results, facts: about, hardware, command: summary.command })
    await writeFileAtomic(reportPath, report)
  }
  if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
  else {
    print(results, pooled, dir, flag(values, 'report') ? reportPath : null)
    for (const line of adviceLines(results, dir, facts)) console.log(line)
    // a project without an image has nothing to review
    if (results.some(({ file }) => file)) console.log(`next: ${commandText(reviewCommand(dir, { open: true }))}`)
  }
  if (stopped) return 130
  return results.some(({ outcome }) => outcome === 'failed') ? 1 : 0
}

const methodTexts: Record<Method, string> = {
  model: 'the model',
  watershed: 'Otsu’s threshold and a watershed, without a model',
  union: 'the model, and a watershed where it finds nothing',
}

/** The numbers of particles are large, and their sizes are in particles.csv. */
const withoutDiameters = ({ diameters: _, ...scores }: ImageScores) => scores

function print(results: readonly ImageResult[], pooled: PooledScores | null, dir: string, report: string | null): void {
  for (const { name, outcome, file, note } of results) {
    const done = file
      ? `${count(file.records.length, 'mask')} of ${file.masks} found${file.prompts ? ` from ${count(file.prompts, 'prompt')}` : ''}, ${duration(file.seconds)}`
      : ''
    const view = file?.generator.view ? describeView(file.generator.view) : ''
    const rest = [outcome === 'done' ? '' : outcome, note ?? ''].filter(Boolean).join(': ')
    const line = [done, view, rest].filter(Boolean).join('; ')
    if (outcome === 'failed') console.error(`${name}: ${note}`)
    else console.log(`${name}: ${line}`)
  }
  if (pooled) console.log(`\n${scoreLines(pooled)}\n${errorLine(pooled)}`)
  console.log(`\nresults: ${resolve(dir)}${report ? `\nreport: ${resolve(report)}` : ''}`)
}

/** What to try if few masks were found. */
function adviceLines(results: readonly ImageResult[], dir: string, { options, method, by }: RunFacts): string[] {
  const advice = fewMasks(results, options)
  if (!advice) return []
  const lines = ['', advice.line]
  if (advice.looser)
    lines.push(
      `at once, and without the model: ${commandText(refilterCommand(dir, LOOSER))}, or the sliders in the review`,
    )
  if (method === 'model')
    lines.push(
      `where ${by.adapter === null ? 'a model without an adapter' : 'an adapter'} finds little, add what a watershed finds: ${withoutPart()} --method union`,
    )
  if (method === 'watershed')
    lines.push('a watershed finds what is brighter or darker than everything else; --method union asks the model too')
  return lines
}

const promptText = ({ prompts, pointGrids, pointsPerSide, pointScales }: GeneratorOptions): string =>
  prompts === 'learned'
    ? 'learned: a point and a box for each particle that the prompt head sees'
    : pointGrids
      ? 'explicit points'
      : [pointsPerSide, ...pointScales].map((side) => `${side} × ${side} points`).join(' and ')
