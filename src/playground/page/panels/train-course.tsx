/** @file The course of a training: loss and score, the time left, and the ways to end it. */
import { duration } from '../../../host/duration'
import { Plot } from '../../../start/page/plot'
import { job, secondsLeft } from '../state/job'
import { course, ending, endTraining, percent, plannedSteps, running } from '../state/training'

export function TrainCourse() {
  const points = course.value
  const scores = points.flatMap(({ step, score }) => (score === undefined ? [] : [[step, score] as [number, number]]))
  const losses = points.flatMap(({ step, loss }) => (loss === undefined ? [] : [[step, loss] as [number, number]]))
  const base = scores[0]?.[0] === 0 ? scores[0][1] : null
  const now = running.value ? job.value : null
  const left = secondsLeft.value
  const end = now ? plannedSteps.value : null
  // after the last step the adapter is measured
  const measuring = now?.total && now.doing !== 'Training'
  const done = now?.total ? (measuring ? percent(now.done / now.total) : `Step ${now.done} of ${now.total}`) : null
  return (
    <>
      {now && (
        <p role="status">
          {now.doing} … {done && `${done}${left ? `, ${duration(left)} left` : ''}.`}
        </p>
      )}
      <div class="plots">
        <Plot title="Loss" points={losses} level={null} end={end} format={(value) => value.toPrecision(3)} />
        <Plot title="Score" points={scores.filter(([step]) => step > 0)} level={base} end={end} format={percent} />
      </div>
      {now && (
        <>
          <div class="row">
            <button
              type="button"
              class="primary"
              disabled={ending.value !== null || !losses.length}
              onClick={() => endTraining('use')}
            >
              Finish now
            </button>
            <button type="button" disabled={ending.value !== null} onClick={() => endTraining('pause')}>
              Pause
            </button>
            <button type="button" onClick={() => now.stop.abort()}>
              Discard it
            </button>
          </div>
          <p class="soft">
            {ending.value
              ? 'It ends after what is computed now.'
              : measuring
                ? 'All steps are done. Finish now leaves the adapter at its full strength, with the usual thresholds.'
                : 'You can close this window. A checkpoint is kept every minute: if the tab is closed, Train continues from it.'}
          </p>
        </>
      )}
    </>
  )
}
