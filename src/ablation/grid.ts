/** @file The grid of an ablation: its validated axes, and its cells (the combinations of their values), each a training configuration. */
import * as v from 'valibot'
import { LORA_TARGETS, type LoraTarget } from '../../engine/train/lora'
import { nearest } from '../cli/nearest'
import { UserError } from '../host/errors'
import { problemLines, shown, wantedBy } from '../text/check-value'
import { checkSettings, combinations, nameOf, nested, type Settings } from './settings'
import { type RawConfig, type TrainConfig, checkConfig, mergeConfig } from '../training/config'

const modelParts = ['encoder', 'decoder', 'both'] as const
type ModelPart = (typeof modelParts)[number]

const list = <T extends v.GenericSchema>(item: T, what: string) =>
  v.optional(v.pipe(v.array(item, `a list of ${what}`), v.minLength(1, `a list of at least one of: ${what}`)))
const above0 = v.pipe(v.number('numbers'), v.finite('finite numbers'), v.gtValue(0, 'numbers above 0'))
const whole = (min: number) =>
  v.pipe(v.number('whole numbers'), v.integer('whole numbers'), v.minValue(min, `whole numbers from ${min}`))
/** X: the scale itself; X/r: alpha, divided by the rank; X/sqrt: alpha of rsLoRA, whose scale is alpha / sqrt(rank). */
const SCALE = /^(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)(\/r|\/sqrt)?$/i

const axesSchema = v.strictObject(
  {
    kind: list(v.picklist(['lora', 'full'], 'lora, full'), 'lora, full'),
    rank: list(whole(1), 'whole numbers from 1'),
    alphaScale: list(
      v.pipe(
        v.union([v.number(), v.string()], 'scales: X, X/r or X/sqrt'),
        v.transform(String),
        v.check((text) => Number(SCALE.exec(text)?.[1]) > 0, 'scales: X, X/r or X/sqrt, X above 0'),
      ),
      'scales: X, X/r or X/sqrt',
    ),
    lr: list(above0, 'learning rates'),
    /** Sets of targets. */
    targets: list(
      v.pipe(
        v.array(v.picklist(LORA_TARGETS, `sets of ${LORA_TARGETS.join(', ')}`), 'sets of targets'),
        v.minLength(1, 'sets of at least one target'),
      ),
      'sets of targets',
    ),
    where: list(v.picklist(modelParts, modelParts.join(', ')), modelParts.join(', ')),
    seeds: list(whole(0), 'whole numbers from 0'),
    /** Numbers of training images, chosen by the seed; null: all. */
    images: list(v.nullable(whole(1)), 'whole numbers from 1'),
    /** Values of other keys of the configuration, by dotted key. */
    set: v.optional(
      v.record(
        v.string(),
        v.pipe(v.array(v.unknown(), 'lists of values by key'), v.minLength(1, 'lists of at least one value by key')),
        'an object of lists of values by key',
      ),
    ),
  },
  'an object { … }',
)

export type Grid = v.InferOutput<typeof axesSchema>

/** Validates a grid. @throws UserError with each axis that is wrong */
export function checkGrid(raw: unknown, from: string): Grid {
  const checked = v.safeParse(axesSchema, raw)
  if (checked.success) return checked.output
  const lines = checked.issues.map((issue) => {
    const axis = String(issue.path?.[0]?.key ?? 'the grid')
    if (issue.expected === 'never') {
      const near = nearest(axis, Object.keys(axesSchema.entries))
      return `${axis} is not an axis${near ? `: did you mean ${near}?` : `; there are ${Object.keys(axesSchema.entries).join(', ')}`}`
    }
    return `${axis} takes ${wantedBy(issue)}, not ${shown(issue.input)}`
  })
  throw new UserError(`${from}:\n${problemLines(lines)}`)
}

/** One combination of the values of the axes: the configuration of one training run. */
export interface AblationCell {
  /** Also the name of its folder. */
  name: string
  /** The name without the seed: the cells of a group are averaged in one row of the table. */
  group: string
  kind: 'lora' | 'full'
  /** null for full tuning, which has no rank. */
  rank: number | null
  /** As given in the grid; null if the recipe's own is used, or for full tuning. */
  scale: string | null
  lr: number
  targets: LoraTarget[]
  /** The number of training images at most; null: as many as the recipe has. */
  images: number | null
  /** The grid's own values of other keys of the configuration. */
  settings: Settings
  seed: number
  config: TrainConfig
}

const COUNTERPARTS: Partial<Record<LoraTarget, LoraTarget>> = {
  q: 'decoder.q',
  k: 'decoder.k',
  v: 'decoder.v',
  proj: 'decoder.out',
}
const inDecoder = (target: string) => target.startsWith('decoder.')

/**
 * Moves targets to a part of the model: the counterpart of an encoder's layer is the same layer of the mask decoder's attention.
 * @throws UserError if no target remains
 */
export function targetsAt(targets: readonly LoraTarget[], part: ModelPart): LoraTarget[] {
  const encoder = targets.filter((target) => !inDecoder(target))
  const decoder = [...targets.filter(inDecoder), ...encoder.flatMap((target) => COUNTERPARTS[target] ?? [])]
  const moved = { encoder, decoder, both: [...encoder, ...decoder] }[part]
  if (!moved.length)
    throw new UserError(
      `where ${part} with targets ${targets.join(', ')}: none of them is in the ${part}, name targets of it or leave out this combination`,
    )
  return LORA_TARGETS.filter((target) => moved.includes(target))
}

/**
 * All combinations of the axes, applied to a recipe (a training configuration); an axis that is not given has the recipe's own
 * value. Full tuning has no rank and no scale, so there is one cell for all of their values.
 * @param split path of the split file that all cells share
 * @throws UserError if a combination is not a valid configuration
 */
export function cellsOf(grid: Grid, base: RawConfig, split: string, from: string): AblationCell[] {
  const recipe = checkConfig(base, from)
  const { kind = [recipe.lora.kind], rank = [recipe.lora.rank], alphaScale = [null] } = grid
  const { images = [undefined], set: others = {} } = grid
  checkSettings(others, from)
  const combined = combinations(others)
  const { lr = [recipe.optimizer.learningRate], seeds = [recipe.seed], targets = [recipe.lora.targets] } = grid
  const sets = grid.where
    ? grid.where.flatMap((part) => targets.map((set) => named(from, () => targetsAt(set, part))))
    : targets.map((set) => LORA_TARGETS.filter((target) => set.includes(target)))
  const cells = new Map<string, AblationCell>()
  for (const k of kind)
    for (const set of sets)
      for (const r of k === 'full' ? [null] : rank)
        for (const scale of k === 'full' ? [null] : alphaScale)
          for (const rate of lr)
            for (const [settings, seed, count] of combined.flatMap((values) =>
              seeds.flatMap((one) => images.map((n) => [values, one, n] as const)),
            )) {
              const adapter = k === 'full' ? 'full' : `r${r}${scale ? `_s${scale.replace('/', '-')}` : ''}`
              const prefix = count === undefined ? '' : `n${count ?? 'all'}_`
              const group = `${prefix}${adapter}_${set.join('+')}_lr${rate}${nameOf(settings, recipe)}`
              const name = `${group}_seed${seed}`
              const lora = { kind: k, targets: set, ...(r !== null && { rank: r, ...alphaOf(scale, r) }) }
              const over = {
                lora,
                optimizer: { learningRate: rate },
                seed,
                split,
                ...(count !== undefined && { images: count }),
              }
              const config = checkConfig(
                mergeConfig(mergeConfig(base, nested(settings)), over),
                `${from}, cell ${name}`,
              )
              cells.set(name, {
                name,
                group,
                kind: k,
                rank: r,
                scale,
                lr: rate,
                targets: set,
                images: config.images,
                settings,
                seed,
                config,
              })
            }
  return [...cells.values()]
}

/** Runs `work`; its UserError is said of `from`. */
function named<T>(from: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${from}: ${error.message}`) : error
  }
}

function alphaOf(scale: string | null, rank: number): { alpha?: number; rslora?: boolean } {
  if (scale === null) return {}
  const [, typed, by] = SCALE.exec(scale)!
  const x = Number(typed)
  return { alpha: by ? x : x * rank, rslora: by?.toLowerCase() === '/sqrt' }
}
