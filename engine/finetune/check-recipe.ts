/** @file Checks the settings of a training that an embedder gives, and fills in the defaults. */
import { augmentLimits } from '../augment/augment'
import { magnificationLimits } from '../augment/magnification'
import { SettingError } from '../setting-error'
import { LORA_TARGETS } from '../train/lora'
import { STORAGES } from '../device/tensor'
import { defaultRecipe, type Recipe } from './recipe'

/** All or some settings of a group. */
type Partly<T> = { [K in keyof T]?: T[K] }

/**
 * Settings of a training; those that are absent have the values of `defaultRecipe`. docs/training.md says what each does and what was
 * measured. `size` is the model's.
 */
export interface RecipeOptions extends Partly<
  Pick<Recipe, 'batch' | 'epochs' | 'maxSteps' | 'minutes' | 'seed' | 'augment' | 'average' | 'storage' | 'synthetic'>
> {
  lora?: Partly<Recipe['lora']>
  loss?: Partly<Recipe['loss']>
  head?: Partly<Recipe['head']>
  optimizer?: Partly<Recipe['optimizer']>
  schedule?: Partly<Recipe['schedule']>
  prompts?: Partly<Recipe['prompts']>
  validation?: Partly<Recipe['validation']>
}

const GROUPS = ['lora', 'loss', 'head', 'optimizer', 'schedule', 'prompts', 'validation'] as const
const SINGLES = [
  'batch',
  'epochs',
  'maxSteps',
  'minutes',
  'seed',
  'augment',
  'average',
  'storage',
  'synthetic',
] as const

/** The settings among other options. */
export const recipeOptions = (options: RecipeOptions): RecipeOptions =>
  Object.fromEntries([...SINGLES, ...GROUPS].map((name) => [name, options[name]]))

type Limits = readonly [low: number, high: number, whole?: 'whole']
/** Lower and upper bound of the numbers. */
const LIMITS: Record<string, Limits> = {
  batch: [1, 1024, 'whole'],
  epochs: [0.001, 1e6],
  maxSteps: [1, 1e9, 'whole'],
  minutes: [1e-3, 1e6],
  seed: [0, Number.MAX_SAFE_INTEGER, 'whole'],
  average: [0, 0.999999],
  synthetic: [0, 1],
  'lora.rank': [1, 8192, 'whole'],
  'lora.alpha': [1e-6, 1e6],
  'loss.small': [0, 1],
  'loss.smooth': [1e-3, 1000],
  'head.learningRate': [1e-12, 10],
  'optimizer.learningRate': [1e-12, 10],
  'optimizer.weightDecay': [0, 10],
  'optimizer.beta1': [0, 0.999999],
  'optimizer.beta2': [0, 0.999999],
  'optimizer.eps': [1e-30, 1],
  'optimizer.maxNorm': [0, 1e6],
  'schedule.warmup': [0, 1e9, 'whole'],
  'prompts.count': [1, 512, 'whole'],
  'prompts.minArea': [0, 1e6],
  'validation.every': [0, 1e6],
  'validation.patience': [0, 1e6, 'whole'],
}
const WEIGHT: Limits = [0, 1000]

const CHOICES: Record<string, readonly unknown[]> = {
  storage: STORAGES,
  'lora.kind': ['lora', 'full'],
  'lora.rslora': [true, false],
  'optimizer.algorithm': ['adam', 'adamw'],
  'schedule.kind': ['constant', 'cosine'],
}

/** The complete settings for a model with an input of `size` pixels. @throws SettingError that names the first wrong setting */
export function checkRecipe(given: RecipeOptions, size: number): Recipe {
  const recipe: Recipe = { ...defaultRecipe, size }
  for (const name of SINGLES) if (given[name] !== undefined) Object.assign(recipe, { [name]: given[name] })
  for (const name of GROUPS) {
    const group = Object.entries(given[name] ?? {}).filter(([, value]) => value !== undefined)
    const unknown = group.find(([key]) => !(key in defaultRecipe[name]))
    if (unknown) throw new SettingError(`there is no setting ${name}.${unknown[0]}`)
    Object.assign(recipe, { [name]: { ...defaultRecipe[name], ...Object.fromEntries(group) } })
  }
  for (const name of SINGLES) if (name !== 'augment') checkValue(name, recipe[name], defaultRecipe[name])
  for (const name of GROUPS)
    for (const [key, preset] of Object.entries(defaultRecipe[name]))
      checkValue(`${name}.${key}`, (recipe[name] as Record<string, unknown>)[key], preset)
  checkAugment(recipe.augment)
  if (recipe.synthetic && recipe.augment === false)
    throw new SettingError('synthetic needs augment: without it images repeat, but scenes never do')
  const { point, box, both } = recipe.prompts
  if (point + box + both <= 0)
    throw new SettingError('one of prompts.point, prompts.box and prompts.both must be above 0')
  const { dice, bce } = recipe.loss
  if (dice + bce <= 0) throw new SettingError('one of loss.dice and loss.bce must be above 0')
  return recipe
}

function checkValue(path: string, value: unknown, preset: unknown): void {
  if (path === 'lora.targets') {
    const known: readonly string[] = LORA_TARGETS
    if (!Array.isArray(value) || !value.length || !value.every((target) => known.includes(target)))
      throw new SettingError(`lora.targets must be a list of ${known.join(', ')}`)
    return
  }
  if (path === 'lora.blocks') {
    if (value !== null && !(Array.isArray(value) && value.length && value.every((block) => typeof block === 'string')))
      throw new SettingError('lora.blocks must be a list of names of blocks, or null for all')
    return
  }
  const choices = CHOICES[path]
  if (choices) {
    if (!choices.includes(value))
      throw new SettingError(`${path} must be one of ${choices.join(', ')}, not ${String(value)}`)
    return
  }
  if (value === preset) return
  const [low, high, whole] = LIMITS[path] ?? WEIGHT
  const fits = typeof value === 'number' && value >= low && value <= high && (!whole || Number.isInteger(value))
  if (!fits)
    throw new SettingError(
      `${path} must be a ${whole ? 'whole ' : ''}number from ${low} to ${high}, not ${String(value)}`,
    )
}

function checkAugment(augment: Recipe['augment']): void {
  if (typeof augment === 'boolean') return
  const limits: Record<string, Limits> = augmentLimits
  for (const [key, value] of Object.entries(augment)) {
    const path = `augment.${key}`
    if (value === undefined) continue
    if (key === 'flip' || key === 'turn') {
      if (typeof value !== 'boolean') throw new SettingError(`${path} must be true or false, not ${String(value)}`)
    } else if (key === 'magnification') {
      const [least, most] = magnificationLimits
      const range = Array.isArray(value) && value.length === 2 && value[0] >= least && value[0] <= value[1]
      if (value !== 'auto' && !(range && (value as number[])[1] <= most))
        throw new SettingError(`${path} must be 'auto' or two numbers from ${least} to ${most}, the smaller first`)
    } else if (!Object.hasOwn(limits, key)) throw new SettingError(`there is no setting ${path}`)
    else {
      const [low, high] = limits[key]
      if (!(typeof value === 'number' && value >= low && value <= high))
        throw new SettingError(`${path} must be a number from ${low} to ${high}, not ${String(value)}`)
    }
  }
}
