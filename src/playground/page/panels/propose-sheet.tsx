/** @file The sheet that lets the model propose masks. */
import { type Signal, signal } from '@preact/signals'
import { current, images } from '../../../review/page/state/app'
import { count } from '../../../text/count'
import { sheet } from '../state/sheets'
import { diameterOf, diameterProblem, diameterText } from '../state/diameter'
import { model, onProcessor, propose, review, smallInput } from '../state/studio'
import { typedIou, typedStability } from '../state/typed-thresholds'
import { AdapterWarnings } from './adapter-warnings'
import { Sheet } from './sheet'

const POINTS = [8, 16, 24, 32, 48]
/** Null: what suits the device. */
const points = signal<number | null>(null)
const USUAL = { predIouThresh: 0.7, stabilityScoreThresh: 0.8 }

export function ProposeSheet() {
  const close = () => (sheet.value = null)
  const side = points.value ?? (onProcessor() ? 8 : 32)
  const adapter = model.value?.adapter
  const usual = adapter?.thresholds ?? USUAL
  const all = images.value.map(({ info }) => info.name)
  const open = all.filter((name) => !review.edited(name))
  const begin = (names: string[]) => {
    close()
    const thresholds = {
      predIouThresh: Number(typedIou.value ?? usual.predIouThresh),
      stabilityScoreThresh: Number(typedStability.value ?? usual.stabilityScoreThresh),
    }
    void propose(names, { pointsPerSide: side, ...thresholds }, diameterOf)
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
        {adapter?.head
          ? `${model.value.name} with its adapter looks for particles, and is asked at each place that it finds.`
          : `${model.value.name} is asked at a grid of points over each image.`}{' '}
        Afterwards the Filter tab shows or hides proposals without asking again.
      </p>
      {smallInput() && <p class="warn">{smallInput()}</p>}
      <AdapterWarnings />
      {!adapter?.head && (
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
      <Threshold label="Predicted IoU at least" value={typedIou} usual={usual.predIouThresh} />
      <Threshold label="Stability at least" value={typedStability} usual={usual.stabilityScoreThresh} />
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
