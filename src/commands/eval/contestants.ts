/** @file The contestants of `wgsam eval`: opened models, or what the parts of a divided evaluation have left of them. */
import { type Contestant, promptsFor, type Tallied } from '../../evaluation/compare'
import type { PromptMode } from '../../evaluation/segmenter'
import { type MaskKeeper, onlyKept } from '../../evaluation/kept-masks'
import { type DiameterOf, ResizableModel } from '../../evaluation/model-contestants'
import { contestantsOf, type RivalKind } from '../../evaluation/rivals'
import { type Hardware, hardwareOf } from '../../host/hardware'
import { checkAdapter } from '../../model/attach-adapter'
import type { PartRecords } from '../../parts/part-records'
import type { Values } from '../../cli/options'
import type { ChosenOptions } from '../options/generator'
import { chooseModels } from '../options/model'

/** What a report says of the models, besides their scores. */
interface EvalFacts {
  name: string
  adapters: { path: string; size: number }[]
  /** Side of the model's input, pixels. */
  inputSize: number
  hardware: Hardware
  identities: Omit<Contestant, 'open'>[]
}

interface Contestants extends Omit<EvalFacts, 'identities'> {
  contestants: Contestant[]
  close(): void
}

interface ContestantSettings {
  prompts: readonly PromptMode[]
  generators: readonly ChosenOptions[]
  rivals: readonly RivalKind[]
  corrections: number
  diameterOf: DiameterOf
}

export async function openContestants(
  values: Values,
  { prompts, generators, rivals, corrections, diameterOf }: ContestantSettings,
): Promise<Contestants> {
  const chosen = await chooseModels(values)
  const { engine, name } = chosen
  try {
    const models = new ResizableModel(chosen.open)
    const { architecture, inputSize, ownSize, profile } = await models.at(
      chosen.adapters.length ? chosen.adapters[0].size : chosen.size,
    )
    const adapters = chosen.adapters.map(({ path, size }, i) => {
      return { path, size: size ?? ownSize, calibration: generators[i + 1]?.calibration?.knots }
    })
    for (const { path } of adapters) await checkAdapter(path, architecture, name)
    const options = {
      ...{
        rivals,
        adapters,
        corrections,
        diameterOf,
        ownSize,
        merged: profile.size !== undefined,
        size: inputSize,
        calibration: generators[0]?.calibration?.knots,
      },
      generators: generators.map(({ options }) => options),
    }
    const contestants = contestantsOf(models, options).filter((one) => promptsFor(one, prompts).length)
    return { name, adapters, inputSize, hardware: await hardwareOf(engine), contestants, close: () => engine.destroy() }
  } catch (error) {
    engine.destroy()
    throw error
  }
}

/** What `contestantsOfParts` needs. */
export const factsOf = ({ name, adapters, inputSize, hardware, contestants }: Contestants): EvalFacts => ({
  name,
  adapters: adapters.map(({ path, size }) => ({ path, size })),
  inputSize,
  hardware,
  identities: contestants.map(({ open: _, ...identity }) => identity),
})

/** The contestants without models: their masks were kept. @throws UserError if no part has begun */
export async function contestantsOfParts(records: PartRecords): Promise<Contestants> {
  const { identities, ...facts } = await records.facts<EvalFacts>()
  return { ...facts, contestants: identities.map(onlyKept), close() {} }
}

/** @throws UserError that names the images without masks */
export async function expectAllMasks(
  records: PartRecords,
  masks: MaskKeeper,
  contestants: readonly Contestant[],
  items: readonly { id: string }[],
): Promise<void> {
  const done = new Set<string>()
  for (const { id } of items) if (await masks.has(contestants, id)) done.add(id)
  await records.expectAll(
    items.map(({ id }) => id),
    done,
  )
}

/** The seconds of all images together. */
export const secondsOf = (tallied: readonly Tallied[]): number =>
  tallied
    .flatMap(({ modes }) => modes.flatMap(({ seconds }) => seconds))
    .reduce((sum, { encode, masks }) => sum + encode + masks, 0)
