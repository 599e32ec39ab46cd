/** @file The sheet that lets the model propose masks. */
import { type Signal, signal } from '@preact/signals'
import { current, images } from '../../../review/page/state/app'
import { count } from '../../../text/count'
import { sheet } from '../state/sheets'
import { gpu, model, propose, review } from '../state/studio'
import { Sheet } from './sheet'

const POINTS = [8, 16, 24, 32, 48]
/** Null: what suits the device. */
const points = signal<number | null>(null)
const iou = signal('0.7')
const stability = signal('0.8')

export function ProposeSheet() {
  const close = () => (sheet.value = null)
  const software = gpu.value !== null && 'software' in gpu.value && gpu.value.software
  const side = points.value ?? (software ? 8 : 32)
  const all = images.value.map(({ info }) => info.name)
  const open = all.filter((name) => !review.edited(name))
  const begin = (names: string[]) => {
    close()
    void propose(names, {
      pointsPerSide: side,
      predIouThresh: Number(iou.value),
      stabilityScoreThresh: Number(stability.value),
    })
  }
  const here = current.value
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
        {model.value.name} is asked at a grid of points over each image. Afterwards the Filter tab shows or hides
        proposals without asking again.
      </p>
      <label class="field">
        Points per side
        <select value={side} onChange={({ currentTarget }) => (points.value = Number(currentTarget.value))}>
          {POINTS.map((n) => (
            <option value={n}>{`${n} (${n * n} prompts)`}</option>
          ))}
        </select>
      </label>
      <Threshold label="Predicted IoU at least" value={iou} />
      <Threshold label="Stability at least" value={stability} />
      <div class="row">
        {here && (
          <button type="button" class="primary" disabled={review.edited(here)} onClick={() => begin([here])}>
            Propose for {here}
          </button>
        )}
        {open.length > 1 && (
          <button type="button" onClick={() => begin(open)}>
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
const Threshold = ({ label, value }: { label: string; value: Signal<string> }) => (
  <label class="field">
    {label}
    <input
      type="number"
      min="0"
      max="1"
      step="0.05"
      value={value.value}
      onInput={(e) => (value.value = e.currentTarget.value)}
    />
  </label>
)
