/** @file Which contestants a comparison has: the adapters, and the rivals that a user could take without training anything. */
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import type { Knots } from '../../engine/tune/calibration'
import { distinctNames } from './adapter-names'
import { type Contestant, WATERSHED, watershedContestant } from './compare'
import { type DiameterOf, modelContestant, type ResizableModel } from './model-contestants'

/**
 * 'base': the base model at its own input size. 'same': the base model at the input size of each adapter, which shows what
 * the adapter changed. 'watershed': no model.
 */
export const rivalKinds = ['base', 'same', 'watershed'] as const
export type RivalKind = (typeof rivalKinds)[number]

export interface ContestantOptions {
  rivals: readonly RivalKind[]
  /** The side of the model's own input, pixels. */
  ownSize: number
  /** True if the model itself is merged with an adapter. */
  merged?: boolean
  /** The side of the input of the base model where it is evaluated for itself, because there is no adapter. */
  size: number
  /** What a predicted IoU means without an adapter, if that is known. */
  calibration?: Knots | undefined
  /** In the order of the table. */
  adapters: readonly { path: string; size: number; calibration?: Knots }[]
  /** Options of the mask generator for the base model and then each adapter; empty if it does not run. */
  generators: readonly (Partial<GeneratorOptions> | undefined)[]
  /** See ModelSegmenterOptions. */
  corrections?: number
  /** Whole images if absent. */
  diameterOf?: DiameterOf
}

/**
 * The contestants in an order in which the time left can soon be estimated, and in which few models are opened: the
 * watershed, the adapters, the base model at their sizes, and at its own. Without adapters the base model is what is
 * evaluated, not a rival.
 */
export function contestantsOf(models: ResizableModel, options: ContestantOptions): Contestant[] {
  const { rivals, ownSize, merged, size, calibration, adapters, generators, corrections, diameterOf } = options
  const unadapted = merged ? 'merged' : 'base'
  const baseAt = (side: number, rival: boolean): Contestant => {
    const name = side === ownSize ? unadapted : `${unadapted} at ${side}`
    return modelContestant(models, {
      ...{ name, path: null, size: side, rival, calibration },
      ...{ generator: generators[0], corrections, diameterOf },
    })
  }
  const names = distinctNames(
    adapters.map(({ path }) => path),
    ['base', 'merged', WATERSHED],
  )
  const tested = adapters.map(({ path, size: side, calibration: own }, i) => {
    const name = adapters.length > 1 ? names[i] : 'adapted'
    return modelContestant(models, {
      name,
      path,
      size: side,
      rival: false,
      calibration: own,
      generator: generators[i + 1],
      corrections,
      diameterOf,
    })
  })
  const bySize = [...new Set(adapters.map(({ size: side }) => side))]
  const grouped = bySize.flatMap((side) => tested.filter((one) => one.size === side))
  const same = rivals.includes('same') ? bySize.filter((side) => side !== ownSize) : []
  const needsOwn = adapters.length
    ? rivals.includes('base') || (rivals.includes('same') && bySize.includes(ownSize))
    : rivals.includes('base') && size !== ownSize
  return [
    ...(rivals.includes('watershed') ? [watershedContestant] : []),
    ...(adapters.length ? grouped : [baseAt(size, false)]),
    ...same.map((side) => baseAt(side, true)),
    ...(needsOwn ? [baseAt(ownSize, true)] : []),
  ]
}
