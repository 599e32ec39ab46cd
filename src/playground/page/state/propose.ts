/** @file Proposals of the model for images that nobody has edited, and how long they will take. */
import { current, openImage, refresh } from '../../../review/page/state/app'
import { notify } from '../../../review/page/state/notices'
import { count } from '../../../text/count'
import type { Proposed, ProposeRequest } from '../../calls'
import { read, setValue } from '../../store/database'
import { ask } from '../worker-client'
import { runJob } from './job'
import { finder, gpu, model, review } from './studio'

export type ProposalSettings = Omit<ProposeRequest, 'picture' | 'diameter'>

/**
 * Lets the model propose masks for images that nobody has edited.
 * @param diameterOf the particles' diameter in an image's pixels, if a person stated it
 */
export async function propose(
  names: readonly string[],
  settings: ProposalSettings,
  diameterOf: (name: string) => number | null,
): Promise<void> {
  const untouched = names.filter((name) => !review.edited(name))
  let tiled = 0
  let stopped = false
  const found = await runJob(
    `Proposing masks for ${count(untouched.length, 'image')}`,
    async ({ signal, finish, onProgress }) => {
      let masks = 0
      for (const [i, image] of untouched.entries()) {
        if (finish.aborted) break
        const place = untouched.length > 1 ? `${image} (${i + 1} of ${untouched.length}): ` : ''
        const diameter = diameterOf(image)
        const picture = await review.picture(image, diameter)
        const proposed = await ask(
          'propose',
          { picture, ...settings, diameter: diameter ?? 'auto' },
          { signal, finish, onProgress: (progress) => onProgress({ ...progress, doing: place + progress.doing }) },
        )
        await review.propose(image, proposed)
        masks += proposed.records.length
        if (proposed.tiles > 1) tiled++
        if (proposed.stopped) stopped = true
        else await keepPace(settings.pointsPerSide, proposed)
        if (current.value === image) await openImage(image)
        await refresh()
      }
      return masks
    },
    true,
  )
  if (found === null) return
  const kept = names.length - untouched.length
  const none = found ? '' : ' The Filter tab shows what the model found, and lets more of it pass.'
  const tiles = tiled
    ? ` The particles are small: the model saw ${tiled === 1 && untouched.length === 1 ? 'the image' : count(tiled, 'image')} in tiles.`
    : ''
  const early = stopped ? ' You ended the search: not all places were looked at.' : ''
  const left = kept ? ` ${count(kept, 'image')} that you edited or accepted stay as they are.` : ''
  notify('note', `${count(found, 'mask')} proposed.${none}${tiles}${early}${left}`)
}

const PACE = 'proposing pace'

interface Pace {
  of: string
  secondsPerEncoding: number
}

/** What the time of a part of an image depends on. */
const paceKey = (pointsPerSide: number): string =>
  JSON.stringify([
    gpu.value && 'name' in gpu.value ? gpu.value.name : null,
    ...[model.value?.name, model.value?.inputSize, finder()?.head ?? false, pointsPerSide],
  ])

const keepPace = (pointsPerSide: number, { seconds, encodings }: Proposed): Promise<void> =>
  setValue(PACE, { of: paceKey(pointsPerSide), secondsPerEncoding: seconds / encodings } satisfies Pace)

/** What the proposals for an image will take. */
export interface ProposalForecast {
  /** Tiles in which it is seen; null if that depends on a diameter which is not known yet. */
  tiles: number | null
  /** By the last proposals with the same settings; of the whole image alone while the tiles are not known. Null if there were none. */
  seconds: number | null
}

/** @param diameter in pixels of the image; null if it is to be estimated */
export async function forecastProposals(
  image: string,
  diameter: number | null,
  { pointsPerSide, tiles: most }: Pick<ProposalSettings, 'pointsPerSide' | 'tiles'>,
): Promise<ProposalForecast> {
  const { width, height } = review.info(image)
  const tiles =
    most === 1 ? 1 : diameter && (await ask('countTiles', { image: { width, height }, diameter, tiles: most }))
  const kept = (await read('values', PACE)) as Pace | undefined
  const seconds = kept?.of === paceKey(pointsPerSide) ? (tiles ?? 1) * kept.secondsPerEncoding : null
  return { tiles, seconds }
}
