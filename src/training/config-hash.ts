/** @file What decides the results of a training run: compared when a run is resumed, and hashed. */
import { createHash } from 'node:crypto'
import { checkConfig, isPart, type RawConfig, type TrainConfig } from './config'

/**
 * Keys that may change when a run is resumed: where files are, how often it is saved, how much memory it may use. None of
 * them changes a bit of the result.
 */
const CHANGEABLE = [
  'model',
  'modelConfig',
  'from',
  'data',
  'coco',
  'split',
  'workers',
  'memory',
  'recompute',
  'checkpoint',
  'tracking',
]

/** The part of a configuration that decides the results of a run. */
function decisive({ validation, ...config }: TrainConfig): RawConfig {
  const { tune: _, ...decides } = validation // thresholds are tuned when the adapter is complete
  return Object.fromEntries(
    Object.entries({ ...config, validation: decides }).filter(([key]) => !CHANGEABLE.includes(key)),
  )
}

interface Difference {
  /** Dotted path. */
  path: string
  a: unknown
  b: unknown
}

/** The innermost values that differ between two objects; arrays are compared whole. */
function differences(a: RawConfig, b: RawConfig, prefix = ''): Difference[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => {
    const [x, y, path] = [a[key], b[key], `${prefix}${key}`]
    if (isPart(x) && isPart(y)) return differences(x, y, `${path}.`)
    return JSON.stringify(x) === JSON.stringify(y) ? [] : [{ path, a: x, b: y }]
  })
}

/**
 * SHA-256 of everything in a configuration that decides the results of a run, except for its files. It covers only values
 * that differ from their defaults, so that an option added later does not change the hash of a run that does not use it.
 * A changed default must therefore raise CHECKPOINT_VERSION.
 */
export function configHash(config: TrainConfig): string {
  const defaults = checkConfig({ data: config.data }, 'the defaults')
  const chosen = differences(decisive(config), decisive(defaults))
    .map(({ path, a }): [string, unknown] => [path, a])
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(chosen)).digest('hex')
}

/** Lists, for people, the values that differ between two configurations and that a resumed run must keep. */
export const configDifferences = (a: TrainConfig, b: TrainConfig): string[] =>
  differences(decisive(a), decisive(b)).map(
    ({ path, a, b }) => `${path}: ${JSON.stringify(a)} there, ${JSON.stringify(b)} now`,
  )
