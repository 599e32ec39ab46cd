/** @file The HTML report of `wgsam eval`. */
import { basename, dirname, resolve } from 'node:path'
import type { Comparison } from '../../evaluation/compare'
import { describeSeenImages, type SeenImages } from '../../evaluation/training-images'
import type { Hardware } from '../../host/hardware'
import { count } from '../../text/count'
import type { ExampleCollector } from '../../report/example-images'
import { inputSizes, renderEvaluationReport, type EvaluationReport } from '../../report/evaluation-report'
import type { DrawnCases } from '../../report/worst-figure'
import { readCompleteRun } from '../../report/run/read-run'
import { withoutPart } from '../options/part'
import type { Selection } from '../options/split'

export interface EvaluatedModels {
  /** Name or path of the model. */
  name: string
  /** Paths of the adapters. */
  adapters: string[]
  selection: Selection
  /** How many of the images the training of each adapter used; null if it is not known. */
  seen: (SeenImages | null)[]
  hardware: Hardware
  /** Clicks that corrected each mask; null without such masks. */
  corrections: number | null
  /** For the automatic generator, where each model's thresholds come from. */
  thresholds: string[]
  /** How far people agree on the datasets, as sentences. */
  people: string[]
}

/** With a single adapter the report also describes the training run that contains it. */
export async function renderEvaluation(
  comparison: Comparison,
  keeper: ExampleCollector,
  worst: readonly DrawnCases[],
  { name, adapters, selection, seen, hardware, corrections, thresholds, people }: EvaluatedModels,
): Promise<string> {
  const { items, split, folders } = selection
  const images = `${split === 'all' ? 'all' : `the ${split} part`} of ${folders.join(', ')}`
  const facts: EvaluationReport['facts'] = [
    ['Model', `${name}, ${inputSizes(comparison.models)}`],
    ...adapters.map((path, i): [string, string] => [adapters.length > 1 ? `Adapter ${i + 1}` : 'Adapter', path]),
    ['Images', images],
    ...(corrections === null
      ? []
      : [['Corrections', `${count(corrections, 'click')} after the first point`] as [string, string]]),
    ...thresholds.map((origin): [string, string] => ['Thresholds', origin]),
    ...people.map((line): [string, string] => ['Two annotators', line]),
  ]
  const short = basename(name)
  return renderEvaluationReport({
    title: adapters.length ? `${short}, adapted and not` : short,
    about: describeSeenImages(items.length, images, seen),
    comparison,
    examples: await keeper.examples(comparison),
    worst,
    facts,
    run: adapters.length === 1 ? await readCompleteRun(dirname(resolve(adapters[0]))) : null,
    hardware,
    commands: [withoutPart()],
  })
}
