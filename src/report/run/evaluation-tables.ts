/** @file Reads results of `wgsam eval --out`, and renders them as tables of a report. */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { messageOf, UserError } from '../../host/errors'
import type { Comparison } from '../../evaluation/compare'
import { promptModes } from '../../evaluation/segmenter'
import { measureNames } from '../../evaluation/measures'
import { escape } from '../../text/escape'
import { factTable } from '../../drawing/html-page'
import { inputSizes, scoreSections } from '../evaluation-report'
import { finiteNumber } from '../../text/check-value'

// undefined measures are NaN, which is null in JSON
const Value = v.pipe(
  v.nullable(finiteNumber),
  v.transform((value) => value ?? NaN),
)
const each = <T extends v.GenericSchema>(schema: T) =>
  v.object(Object.fromEntries(measureNames.map((name) => [name, schema])))
const Interval = v.nullable(v.tuple([Value, Value]))
const Values = each(Value).entries
const SizeBins = v.nullable(
  v.array(
    v.object({
      from: finiteNumber,
      to: v.nullable(finiteNumber),
      instances: finiteNumber,
      dice: Value,
      recall: Value,
      intervals: v.object({ dice: Interval, recall: Interval }),
    }),
  ),
)
const Diagram = v.object({
  error: finiteNumber,
  bins: v.array(v.object({ predicted: finiteNumber, actual: finiteNumber, count: finiteNumber })),
})
const Evaluation = v.object({
  ...Values,
  prompt: v.picklist(promptModes),
  instances: finiteNumber,
  masks: finiteNumber,
  diameters: v.object({ masks: v.array(finiteNumber), instances: v.array(finiteNumber) }),
  perImage: v.pipe(v.array(v.object({ ...Values, id: v.string(), instances: finiteNumber })), v.minLength(1)),
  intervals: each(Interval),
  bySize: v.object({ image: SizeBins, input: SizeBins }),
  // files of earlier versions have none
  reliability: v.optional(v.nullable(v.object({ raw: Diagram, calibrated: v.nullable(Diagram) })), null),
  change: v.nullable(
    v.object({
      from: each(v.nullable(v.string())),
      values: each(Value),
      intervals: each(Interval),
      errorRemoved: v.object({ values: each(Value), intervals: each(Interval) }),
    }),
  ),
})
const Time = v.object({
  prompt: v.picklist(promptModes),
  encode: v.nullable(finiteNumber),
  masks: v.nullable(finiteNumber),
  whole: finiteNumber,
})
const EvaluationFile = v.object({
  model: v.string(),
  adapters: v.array(v.string()),
  data: v.array(v.string()),
  split: v.string(),
  models: v.pipe(
    v.array(
      v.object({
        name: v.string(),
        path: v.nullable(v.string()),
        size: v.nullable(finiteNumber),
        rival: v.boolean(),
        evaluations: v.array(Evaluation),
        times: v.array(Time),
      }),
    ),
    v.check((models) => models.some(({ evaluations }) => evaluations.length > 0)),
    v.check((models) => scoredOnTheSameImages(models)),
  ),
  hardware: v.object({ adapter: v.string() }),
  bootstrap: v.object({ resamples: finiteNumber, confidence: finiteNumber, seed: finiteNumber }),
})

/** Tables have a line for each image, with the scores of all models that were evaluated with that kind of prompt. */
function scoredOnTheSameImages(models: { evaluations: { prompt: string; perImage: { id: string }[] }[] }[]): boolean {
  const images = new Map<string, string>()
  return models.every(({ evaluations }) =>
    evaluations.every(({ prompt, perImage }) => {
      const ids = JSON.stringify(perImage.map(({ id }) => id))
      if (!images.has(prompt)) images.set(prompt, ids)
      return images.get(prompt) === ids
    }),
  )
}

export interface EvaluationView {
  path: string
  facts: [string, string][]
  comparison: Comparison
  /** The name of the GPU that it was computed on. */
  device: string
}

/** @throws UserError if the file was not written by `wgsam eval --out` of this version */
export async function readEvaluation(path: string): Promise<EvaluationView> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`)
  }
  const result = v.safeParse(EvaluationFile, json)
  if (!result.success) {
    const at = v.getDotPath(result.issues[0]) ?? 'its top'
    throw new UserError(
      `${path} is not a result of \`wgsam eval --out\`, or of an older version (at ${at}): evaluate again, or omit it`,
    )
  }
  const { model, adapters, data, split, models, bootstrap, hardware } = result.output
  const facts: [string, string][] = [
    ['Model', `${model}, ${inputSizes(models)}`],
    ['Adapters', adapters.join(', ') || 'none'],
    ['Images', `${split === 'all' ? 'all' : `the ${split} part`} of ${data.join(', ')}`],
    ['File', path],
  ]
  // values that the tables do not show (pooled numbers, counts at other IoUs) are neither checked nor read
  return { path, facts, comparison: { models, bootstrap } as unknown as Comparison, device: hardware.adapter }
}

export const evaluationHtml = ({ facts, comparison, path, device }: EvaluationView, several: boolean): string =>
  `${several ? `<h3>${escape(path)}</h3>` : ''}${factTable(facts)}
${scoreSections(comparison, device)}`
