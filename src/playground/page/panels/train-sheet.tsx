/** @file The sheet of the training: its settings, its course while it runs, and what it has changed. */
import { count } from '../../../text/count'
import { duration } from '../../../host/duration'
import { images } from '../../../review/page/state/app'
import { comparison } from '../state/comparison'
import { job } from '../state/job'
import { sheet } from '../state/sheets'
import { forgetAdapter, model } from '../state/studio'
import { continueTraining, course, divided, outcome, running, usable } from '../state/training'
import { forgetTraining, unfinished } from '../state/unfinished'
import { AdapterWarnings } from './adapter-warnings'
import { Sheet } from './sheet'
import { TrainCourse } from './train-course'
import { TrainSettingsForm } from './train-settings'

export function TrainSheet() {
  return (
    <Sheet title="Train on your masks" close={() => (sheet.value = null)}>
      {(running.value || course.value.length > 0) && <TrainCourse />}
      {!running.value && (
        <>
          {model.value?.adapter && <Adapter />}
          {unfinished.value && <Unfinished />}
          <Begin />
        </>
      )}
    </Sheet>
  )
}

function Begin() {
  const names = usable.value
  const { train, validation } = divided(names)
  if (!model.value)
    return (
      <>
        <p>Training needs a model.</p>
        <div class="row">
          <button type="button" class="primary" onClick={() => (sheet.value = 'model')}>
            Choose a model
          </button>
        </div>
      </>
    )
  if (!names.length)
    return (
      <p>
        Training learns from accepted images: correct the masks of an image until every particle has one, then press
        Accept. One image is enough to begin.
      </p>
    )
  return (
    <>
      <p>
        A LoRA adapter is trained on {count(train.length, 'accepted image')}; the model itself stays as it is.{' '}
        {train.some((name) => validation.includes(name))
          ? 'With three or more accepted images, one is kept apart to measure whether the adapter is better.'
          : `${validation.join(', ')} is kept apart to measure whether the adapter is better.`}
      </p>
      <TrainSettingsForm images={train.length} validation={validation.length} />
    </>
  )
}

/** A training of an earlier visit, or one that was paused or lost its device. */
function Unfinished() {
  const { step, totalSteps, samples, validation, model: of, inputSize } = unfinished.value!
  const known = new Set(images.value.map(({ info }) => info.name))
  const missing = [...samples, ...validation].map(({ image }) => image).filter((name) => !known.has(name))
  const fits = model.value?.name === of && model.value.inputSize === inputSize
  return (
    <div class="advice">
      <strong>
        A training on {count(samples.length, 'image')} is not finished: step {step}
        {totalSteps ? ` of ${totalSteps}` : ''}.
      </strong>
      {missing.length > 0 ? (
        <p>It cannot be continued, because its image was removed: {missing.join(', ')}.</p>
      ) : !fits ? (
        <p>
          It continues with {of} at an input of {inputSize}: load that model.
        </p>
      ) : (
        <p>It continues with the masks with which it began.</p>
      )}
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={missing.length > 0 || !fits || job.value !== null}
          onClick={() => void continueTraining()}
        >
          Continue
        </button>
        <button type="button" onClick={() => void forgetTraining()}>
          Discard
        </button>
      </div>
    </div>
  )
}

function Adapter() {
  const adapter = model.value!.adapter!
  const { training } = adapter
  const compared = comparison(adapter)
  return (
    <div class="advice good">
      <strong>{outcome(adapter)}</strong>
      {compared && <p>{compared}</p>}
      <AdapterWarnings />
      {training && (
        <p>
          Trained on {count(training.images.length, 'image')} in {count(training.steps, 'step')},{' '}
          {duration(training.seconds)}. A further training begins from the base model again.
        </p>
      )}
      <div class="row">
        <button type="button" onClick={() => (sheet.value = 'propose')}>
          Propose with it
        </button>
        <button type="button" onClick={() => void forgetAdapter()}>
          Remove the adapter
        </button>
      </div>
    </div>
  )
}
