/** @file The steps above the review: each opens its sheet; below them the work that runs, with its progress. */
import { images } from '../../../review/page/state/app'
import { Icon } from '../../../review/page/panels/icons'
import { duration } from '../../../host/duration'
import { job, secondsLeft } from '../state/job'
import { sheet, type SheetName } from '../state/sheets'
import { gpu, model, notKept, storedModel } from '../state/studio'
import { running } from '../state/training'
import { unfinished } from '../state/unfinished'

function Step({ name, label, note, done }: { name: SheetName; label: string; note: string; done: boolean }) {
  return (
    <button type="button" class={`step ${done ? 'step-done' : ''}`} onClick={() => (sheet.value = name)}>
      <b>{label}</b>
      <span class="soft">{note}</span>
    </button>
  )
}

export function Bar() {
  const all = images.value
  const masks = all.reduce((sum, image) => sum + image.masks, 0)
  const accepted = all.filter(({ state }) => state === 'accepted').length
  return (
    <div class="playground-bar">
      <nav class="steps" aria-label="Steps">
        <Step name="images" label="Images" note={String(all.length)} done={all.length > 0} />
        <Step
          name="model"
          label="Model"
          note={model.value?.name ?? (storedModel.value ? 'not loaded' : 'choose')}
          done={model.value !== null}
        />
        <Step name="propose" label="Propose" note={`${masks} masks`} done={masks > 0} />
        <Step name="train" label="Train" note={trainNote(accepted)} done={!!model.value?.adapter} />
        <Step name="download" label="Download" note="masks, sizes" done={false} />
        <span class="spring" />
        {notKept.value !== null && (
          <span class="device bad" title={notKept.value}>
            Nothing is kept: download before you close
          </span>
        )}
        <Device />
      </nav>
      <JobLine />
    </div>
  )
}

function trainNote(accepted: number): string {
  if (!running.value && unfinished.value) return 'not finished'
  return model.value?.adapter ? 'adapter' : `${accepted} accepted`
}

function Device() {
  const found = gpu.value
  if (!found) return null
  if ('problem' in found)
    return (
      <button type="button" class="device bad" onClick={() => (sheet.value = 'model')}>
        No GPU: what to do
      </button>
    )
  return (
    <span class="device soft" title={`Computes on ${found.name}`}>
      {found.software ? 'Slow: no graphics card' : found.name}
    </span>
  )
}

export function JobLine() {
  const now = job.value
  if (!now) return null
  const left = secondsLeft.value
  return (
    <div class="job" role="status">
      <progress value={now.total ? now.done / now.total : undefined} aria-label={now.title} />
      <span class="job-text">
        <b>{now.title}</b>{' '}
        <span class="soft">
          {now.doing} …{left === null ? '' : ` ${duration(left)} left`}
        </span>
      </span>
      {now.finish && (
        <button type="button" disabled={now.finish.signal.aborted} onClick={() => now.finish!.abort()}>
          Keep what is found
        </button>
      )}
      <button type="button" onClick={() => now.stop.abort()}>
        <Icon name="close" />
        Stop
      </button>
    </div>
  )
}
