/** @file Reads the learning curves of an ablation over the number of training images. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { readSplit } from '../dataset/split'
import { messageOf, UserError } from '../host/errors'
import { type CurvePoint, learningCurve, type LearningCurve, MIN_POINTS } from './learning-curve'
import { finiteNumber, problemOf } from '../text/check-value'

export const planMeasures = {
  pointInstance: { label: 'instance Dice, point', prompt: 'point', measure: 'instanceDice' },
  boxInstance: { label: 'instance Dice, box', prompt: 'box', measure: 'instanceDice' },
  pointDice: { label: 'Dice, point', prompt: 'point', measure: 'dice' },
  boxDice: { label: 'Dice, box', prompt: 'box', measure: 'dice' },
} as const
export type PlanMeasure = keyof typeof planMeasures
export const planMeasureNames = Object.keys(planMeasures) as PlanMeasure[]

const Share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const Measured = v.object({ dice: Share, instanceDice: Share })
const ScoresSchema = v.object({ point: Measured, box: Measured })
const AblationFile = v.object({
  version: v.literal(1),
  finished: v.boolean(),
  measured: v.object({ part: v.string(), images: v.array(v.string()) }),
  rivals: v.array(v.object({ name: v.string(), size: v.nullable(finiteNumber), scores: ScoresSchema })),
  cells: v.array(
    v.object({
      group: v.string(),
      seed: finiteNumber,
      images: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), null),
      result: v.nullable(v.object({ scores: ScoresSchema })),
    }),
  ),
})

/** The learning curve of one recipe. */
export interface RecipePlan {
  recipe: string
  curves: Record<PlanMeasure, LearningCurve>
}

export interface Plan {
  folder: string
  /** What was measured, as text. */
  measuredOn: string
  /** The errors of the base model at its best input size; null if they are not known. */
  base: Record<PlanMeasure, number> | null
  recipes: RecipePlan[]
}

/** The name of a group without its number of images. */
export const recipeOf = (group: string): string => group.replace(/^n(\d+|all)_/, '')

/**
 * Plans from the finished cells of an ablation.
 * @param more numbers of images to add to those that there are
 * @throws UserError if it cannot be read, or has too few numbers of images for any recipe
 */
export async function planFrom(folder: string, more: readonly number[]): Promise<Plan> {
  const { measured, rivals, cells } = await readAblation(folder)
  const all = (await readSplit(join(folder, 'split.json'))).train.length
  const done = cells.flatMap(({ group, images, result }) =>
    result ? [{ recipe: recipeOf(group), images: Math.min(images ?? all, all), scores: result.scores }] : [],
  )
  const error = (scores: v.InferOutput<typeof ScoresSchema>, name: PlanMeasure) =>
    1 - scores[planMeasures[name].prompt][planMeasures[name].measure]
  const names = [...new Set(done.map(({ recipe }) => recipe))]
  const recipes = names.flatMap((recipe): RecipePlan[] => {
    const own = done.filter((one) => one.recipe === recipe)
    const counts = [...new Set(own.map(({ images }) => images))]
    if (counts.length < MIN_POINTS) return []
    const most = Math.max(...counts)
    const targets = [...new Set([...more.map((n) => most + n), 2 * most])].sort((a, b) => a - b)
    const curves = perMeasure((name) => {
      const points = counts.map((images): CurvePoint => {
        return { images, errors: own.filter((one) => one.images === images).map(({ scores }) => error(scores, name)) }
      })
      return learningCurve(points, targets)
    })
    return [{ recipe, curves }]
  })
  if (!recipes.length) {
    const counts = [...new Set(done.map(({ images }) => images))].sort((a, b) => a - b)
    throw new UserError(
      `${folder} has runs on ${counts.length ? counts.join(', ') : 'no'} images: a learning curve needs at least ${MIN_POINTS} ` +
        'different numbers with the same recipe. Make them with `wgsam ablate --images 1,2,5,10 --seeds 0,1,2`',
    )
  }
  const measuredOn = `${measured.images.length} images of the ${measured.part} part`
  const models = rivals.filter(({ size }) => size !== null)
  const best = (name: PlanMeasure) => Math.min(...models.map(({ scores }) => error(scores, name)))
  return { folder, measuredOn, base: models.length ? perMeasure(best) : null, recipes }
}

const perMeasure = <T>(of: (name: PlanMeasure) => T) =>
  Object.fromEntries(planMeasureNames.map((name) => [name, of(name)])) as Record<PlanMeasure, T>

async function readAblation(folder: string): Promise<v.InferOutput<typeof AblationFile>> {
  const path = join(folder, 'ablation.json')
  if (!existsSync(path)) throw new UserError(`${folder} is not the folder of an ablation: there is no ${path}`)
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new UserError(`${path} is damaged: ${messageOf(error, path)}`)
  }
  const result = v.safeParse(AblationFile, json)
  if (result.success) return result.output
  throw new UserError(`${path}: ${problemOf(result.issues[0])}`)
}
