/**
 * @file Finds the tensors of a SAM among the names in a file. Training scripts put a model into dictionaries (`state_dict`,
 * `model_state`) and other modules (`module.`, `_orig_mod.`, `sam.`), which add to its names, and keep other tensors beside it.
 */
import { UserError } from '../host/errors'
import { describeNames, INSIDE, kindOf } from './describe-names'

/** The parts of a SAM, in the reference implementation and in transformers; wgsam's prompt head; the input's normalisation. */
const PARTS =
  'image_encoder|vision_encoder|prompt_encoder|mask_decoder|shared_image_embedding|prompt_head|pixel_mean|pixel_std'
const ENCODER = /^(.*\.)?(?:image_encoder|vision_encoder)\./
const OWN = new RegExp(`^(?:${PARTS})(?:\\.|$)`)
/** Prefixes that are preferred, in this order, where a file holds several models; then the first. */
const preferred = [
  '',
  'state_dict.',
  'model_state_dict.',
  'model_state.',
  'model.',
  'net.',
  'module.',
  'sam.',
  'params.',
]

export interface FoundSam {
  /** What every name of the model begins with. */
  prefix: string
  /** The names of its tensors, with the prefix. */
  names: string[]
  /** Tensors that are no part of it. */
  others: string[]
}

/** @throws UserError that says what the file looks like, if it holds no SAM; or that it holds several */
export function findSam(path: string, names: readonly string[]): FoundSam {
  const [, part, count] = /-(\d{5})-of-(\d{5})\.[a-z]+$/.exec(path) ?? []
  if (Number(count) > 1)
    throw new UserError(
      `${path}: it is part ${Number(part)} of ${Number(count)} of a model: put the parts into one file, as save_pretrained(FOLDER, max_shard_size="50GB") does`,
    )
  const counts = new Map<string, number>()
  for (const name of names) {
    const match = ENCODER.exec(name)
    if (match) counts.set(match[1] ?? '', (counts.get(match[1] ?? '') ?? 0) + 1)
  }
  const prefix = choose(path, [...counts.keys()])
  const own: string[] = []
  const others: string[] = []
  for (const name of names)
    (prefix !== undefined && name.startsWith(prefix) && OWN.test(name.slice(prefix.length)) ? own : others).push(name)
  if (prefix === undefined || !own.some((name) => name.includes('mask_decoder.')))
    throw new UserError(`${path}: not the weights of a SAM: ${describeNames(names)}`)
  const inside = kindOf(own, INSIDE)
  if (inside) throw new UserError(`${path}: not the weights of a SAM alone: ${inside}`)
  return { prefix, names: own, others }
}

function choose(path: string, prefixes: readonly string[]): string | undefined {
  if (prefixes.length < 2) return prefixes[0]
  const rank = (prefix: string) => preferred.findIndex((known) => known && prefix.startsWith(known))
  const best = prefixes.filter((prefix) => prefix === '')
  if (best.length) return ''
  const lowest = Math.min(...prefixes.map((prefix) => (rank(prefix) < 0 ? Infinity : rank(prefix))))
  const first = prefixes.filter((prefix) => rank(prefix) === lowest)
  if (first.length === 1) return first[0]
  throw new UserError(
    `${path}: it holds ${prefixes.length} models, under ${prefixes.slice(0, 4).join(', ')}: which one is meant is not clear. Save the state dict of one alone.`,
  )
}
