/** @file The sheet that lets the model propose masks. */
import { type Signal, signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { duration } from '../../../host/duration'
import { current, images } from '../../../review/page/state/app'
import { count } from '../../../text/count'
import { sheet } from '../state/sheets'
import { diameterOf, diameterProblem, diameterText } from '../state/diameter'
import { forecastProposals, type ProposalForecast, propose } from '../state/propose'
import { finder, model, onProcessor, review, smallInput } from '../state/studio'
import { typedIou, typedStability } from '../state/typed-thresholds'
import { usualThresholds } from '../state/usual-thresholds'
import { AdapterWarnings } from './adapter-warnings'
import { Sheet } from './sheet'

const POINTS = [8, 16, 24, 32, 48]
/** Null: what suits the device. */
const points = signal<number | null>(null)
/** Tiles at most: each costs as much as a whole image. */
const TILES = [1, 4, 9, 16, 64]
/** Null: what suits the device. */
const tiles = signal<number | null>(null)

export function ProposeSheet() {
  const close = () => (sheet.value = null)
  const side = points.value ?? (onProcessor() ? 8 : 32)
  const most = tiles.value ?? (onProcessor() ? 9 : 64)
  const found = finder()
  const usual = usualThresholds(found)
  const all = images.value.map(({ info }) => info.name)
  const open = all.filter((name) => !review.edited(name))
  const begin = (names: string[]) => {
    close()
    const thresholds = {
      ...usual,
      predIouThresh: Number(typedIou.value ?? usual.predIouThresh),
      stabilityScoreThresh: Number(typedStability.value ?? usual.stabilityScoreThresh),
    }
    void propose(names, { pointsPerSide: side, tiles: most, ...thresholds }, diameterOf)
  }
  const here = current.value
  const problem = diameterProblem(all)
  if (!model.value)
    return (
      <Sheet title="Propose masks" close={close}>
        <p>Proposals need a model.</p>
        <div class="row">
          <button type="button" class="primary" onClick={() => (sheet.value = 'model')}>
            Choose a model
          </button>
        </div>
      </Sheet>
    )
  return (
    <Sheet title="Propose masks" close={close}>
      <p>
        {found?.head
          ? `${model.value.name}${model.value.adapter ? ' with its adapter' : ''} looks for particles, and is asked at each place that it finds.`
          : `${model.value.name} is asked at a grid of points over each image.`}{' '}
        Afterwards the Filter tab shows or hides proposals without asking again.
      </p>
      {smallInput() && <p class="warn">{smallInput()}</p>}
      <AdapterWarnings />
      {!found?.head && (
        <label class="field">
          Points per side
          <select value={side} onChange={({ currentTarget }) => (points.value = Number(currentTarget.value))}>
            {POINTS.map((n) => (
              <option value={n}>{`${n} (${n * n} prompts)`}</option>
            ))}
          </select>
        </label>
      )}
      <label class="field">
        Diameter of the particles
        <input
          type="text"
          placeholder="estimated"
          value={diameterText.value}
          onInput={({ currentTarget }) => (diameterText.value = currentTarget.value)}
        />
      </label>
      {problem ? (
        <p class="bad">{problem}</p>
      ) : (
        <p class="soft">
          Such as 24 (pixels) or 300nm. Where particles would be too small for the model in the whole image, it is seen
          in tiles, for proposals and for clicks. State it if small particles are missed.
        </p>
      )}
      <label class="field">
        Tiles at most
        <select value={most} onChange={({ currentTarget }) => (tiles.value = Number(currentTarget.value))}>
          {TILES.map((n) => (
            <option value={n}>{n === 1 ? 'none: the whole image' : n}</option>
          ))}
        </select>
      </label>
      <Threshold label="Predicted IoU at least" value={typedIou} usual={usual.predIouThresh} />
      <Threshold label="Stability at least" value={typedStability} usual={usual.stabilityScoreThresh} />
      {here && !problem && <Forecast image={here} side={side} most={most} />}
      <div class="row">
        {here && (
          <button
            type="button"
            class="primary"
            disabled={review.edited(here) || problem !== null}
            onClick={() => begin([here])}
          >
            Propose for {here}
          </button>
        )}
        {open.length > 1 && (
          <button type="button" disabled={problem !== null} onClick={() => begin(open)}>
            For all {count(open.length, 'unedited image')}
          </button>
        )}
      </div>
      {here && review.edited(here) && (
        <p class="soft">You have edited or accepted {here}: its masks stay as they are. Undo does not change that.</p>
      )}
    </Sheet>
  )
}

/** In how many tiles the image that is open will be seen, and how long that takes. */
function Forecast({ image, side, most }: { image: string; side: number; most: number }) {
  const [found, setFound] = useState<ProposalForecast | null>(null)
  const diameter = diameterOf(image)
  useEffect(() => {
    let now = true
    forecastProposals(image, diameter, { pointsPerSide: side, tiles: most }).then(
      (forecast) => now && setFound(forecast),
      () => now && setFound(null),
    )
    return () => {
      now = false
    }
  }, [image, diameter, side, most])
  if (!found) return null
  const { tiles, seconds } = found
  const time = seconds === null ? '' : `, which takes about ${duration(seconds)}`
  const seen =
    tiles === null
      ? `${image} is seen whole${time}; then in up to ${most} tiles if its particles are small`
      : `${image} is seen ${tiles === 1 ? 'whole' : `in ${tiles} tiles`}${time}`
  return (
    <p class="forecast soft" role="status">
      {seen}. You can end the search and keep what is found.
    </p>
  )
}

/** A number from 0 to 1, as it is typed. */
const Threshold = ({ label, value, usual }: { label: string; value: Signal<string | null>; usual: number }) => (
  <label class="field">
    {label}
    <input
      type="number"
      min="0"
      max="1"
      step="0.05"
      value={value.value ?? usual}
      onInput={(e) => (value.value = e.currentTarget.value)}
    />
  </label>
)
