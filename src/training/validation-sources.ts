/**
 * @file The sources that an adapter is validated on, each of which must not be worse with it than with the base model: the
 * run's own validation images by folder, labelled images of other sources, and a few synthetic scenes.
 */
import { basename, resolve } from 'node:path'
import { type DatasetItem, openDataset } from '../dataset/dataset'
import type { Sample } from '../../engine/image/sample'
import { evenlySpaced } from '../../engine/evenly-spaced'
import { comparedScene, comparedSize, SYNTHETIC_SOURCE } from '../../engine/synth/scene-sample'
import { broadcastValue, type Communicator } from '../mpi/communicator'
import type { TrainConfig } from './config'

export interface ValidationSource {
  name: string
  /** True if nothing of the kind is trained on. */
  foreign: boolean
  items: readonly DatasetItem[]
  /** Reads an item's pixels, by default from its files. */
  load?(item: DatasetItem): Promise<Sample>
}

/** The part of an image's id that names its folder, if the run has several. */
export const folderOf = ({ id }: { id: string }): string => (id.includes('/') ? id.slice(0, id.indexOf('/')) : '')

/**
 * The sources of a run, at most `most` images of each. `own` are its validation images; they may be none.
 * @throws UserError if a folder of foreign images cannot be used
 */
export async function openSources(
  config: TrainConfig,
  own: readonly DatasetItem[],
  most: number,
): Promise<ValidationSource[]> {
  const { validation, onBad, data, synthetic } = config
  const several = data.length > 1
  const sources: ValidationSource[] = []
  for (const folder of new Set(own.map((item) => (several ? folderOf(item) : '')))) {
    const items = evenlySpaced(
      own.filter((item) => !several || folderOf(item) === folder),
      most,
    )
    sources.push({ name: several ? folder : 'validation images', foreign: false, items })
  }
  for (const folder of validation.foreign) {
    const { items } = await openDataset(folder, { onBad })
    sources.push({ name: basename(resolve(folder)), foreign: true, items: evenlySpaced(items, most) })
  }
  if (validation.synthetic) sources.push(syntheticSource(Math.min(most, validation.synthetic), synthetic === 0))
  return sources
}

/** The sources of rank 0 at every rank. */
export async function shareSources(
  ranks: Communicator,
  sources: ValidationSource[] | undefined,
): Promise<ValidationSource[]> {
  // a function cannot be sent, but every rank can make the same scenes
  const plain = sources?.map(({ load, ...source }) => ({ ...source, made: load !== undefined }))
  const given = await broadcastValue(ranks, plain)
  return (
    sources ?? given!.map(({ made, ...source }) => (made ? { ...source, load: sceneLoader(source.items) } : source))
  )
}

/** Scenes that are made when they are first read and then kept, because every strength reads them; the same in every run. */
function syntheticSource(count: number, foreign: boolean): ValidationSource {
  const items = Array.from({ length: count }, (_, i): DatasetItem => {
    const id = `synthetic/${i + 1}`
    const unread = { instances: 0, particles: 0, diameter: 0 }
    return { id, group: id, imagePath: id, labels: { kind: 'map', path: id }, ...comparedSize, ...unread }
  })
  return { name: SYNTHETIC_SOURCE, foreign, items, load: sceneLoader(items) }
}

function sceneLoader(items: readonly DatasetItem[]): (item: DatasetItem) => Promise<Sample> {
  const made = new Map<DatasetItem, Sample>()
  return async (item) => {
    const sample = made.get(item) ?? comparedScene(items.indexOf(item))
    made.set(item, sample)
    return sample
  }
}
