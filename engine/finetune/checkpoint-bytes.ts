/** @file A training as bytes, from which it continues with the same bits, on this host or another. */
import { SettingError } from '../setting-error'
import { gatherParameters, parameterTensors } from '../train/parameter-tensors'
import type { ParameterState } from '../train/parameters'
import type { Progress } from './progress'
import type { Recipe } from './recipe'
import type { LabelledImage } from './samples'
import { checksum, packTensors, unpackTensors } from './tensor-bytes'

/** Raised when checkpoints of earlier versions can no longer be resumed rightly. */
const VERSION = 2
/** Before the names of the parameters of the best state. */
const BEST = 'best/'

/** What is stored beside the parameters. */
interface CheckpointRecord {
  version: number
  recipe: Recipe
  /** What identifies the training images. */
  images: string
  progress: Progress
}

/** A training between two steps. */
export interface TrainingState {
  progress: Progress
  parameters: ParameterState[]
  /** The values of the best validation so far; null if there is none. */
  best: ParameterState[] | null
}

/** Width, height and number of particles of each image: enough to notice that a list was changed. */
export const imagesText = (images: readonly LabelledImage[]): string =>
  images.map(({ width, height, particles }) => `${width}x${height}:${particles}`).join(' ')

/** The training as a safetensors file. */
export function packTraining(
  { progress, parameters, best }: TrainingState,
  recipe: Recipe,
  images: string,
): Uint8Array<ArrayBuffer> {
  const record = JSON.stringify({ version: VERSION, recipe, images, progress } satisfies CheckpointRecord)
  const kept = (best ?? []).map(({ name, shape, values }) => ({ name: `${BEST}${name}`, shape, data: values }))
  const tensors = [...parameterTensors(parameters), ...kept]
  return packTensors(tensors, { training: record, checksum: checksum(tensors, record) })
}

/**
 * Reads what packTraining wrote.
 * @throws SettingError if it is damaged, of another version, or of a training with other settings or images
 */
export function unpackTraining(bytes: Uint8Array, recipe: Recipe, images: string): TrainingState {
  const refuse = (problem: string) => new SettingError(`the checkpoint cannot be resumed: ${problem}`)
  let file: ReturnType<typeof unpackTensors>
  let record: CheckpointRecord
  try {
    file = unpackTensors(bytes)
    record = JSON.parse(file.metadata.training)
  } catch {
    throw refuse('it is damaged')
  }
  const tensors = [...file.tensors.values()]
  if (checksum(tensors, file.metadata.training) !== file.metadata.checksum) throw refuse('it is damaged')
  if (record.version !== VERSION) throw refuse(`it has version ${record.version} of the format, this is ${VERSION}`)
  const other = Object.keys(recipe).find(
    (key) => JSON.stringify(recipe[key as keyof Recipe]) !== JSON.stringify(record.recipe[key as keyof Recipe]),
  )
  if (other) throw refuse(`it was made with another setting ${other}`)
  if (images !== record.images) throw refuse('it was made with other training images')
  const named = tensors.map(({ name, shape, data }) => ({ name, shape: [...shape], data }))
  const best = named.filter(({ name }) => name.startsWith(BEST))
  return {
    progress: record.progress,
    parameters: gatherParameters(named.filter(({ name }) => !name.startsWith(BEST))),
    best: best.length ? best.map(({ name, shape, data }) => bestState(name.slice(BEST.length), shape, data)) : null,
  }
}

/** Of the best state only the values are kept. */
function bestState(name: string, shape: number[], values: Float32Array): ParameterState {
  const none = new Float32Array(0)
  return { name, shape, values, m: none, v: none }
}
