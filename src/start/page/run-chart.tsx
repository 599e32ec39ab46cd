/** @file The course of a training: the loss, and the score of the validations beside that of the base model. */
import type { RunProgress } from '../protocol'
import { Plot } from './plot'
import { percent } from './words'

export function RunChart({ run }: { run: RunProgress }) {
  const [first] = run.validations
  const base = first?.[0] === 0 ? first[1] : null
  const later = run.validations.filter(([step]) => step > 0)
  return (
    <div class="run">
      <p class="answer" role="status">
        {answer(run, base)}{' '}
        <a href={`runs/${run.name}/`} target="_blank">
          All curves and pictures
        </a>
      </p>
      <div class="plots">
        <Plot
          title="Score on the validation images"
          points={later}
          level={base}
          end={run.running ? run.total : null}
          format={percent}
        />
        <Plot
          title="Particles that the prompt head finds (F1)"
          points={run.found.filter(([step]) => step > 0)}
          level={null}
          end={run.running ? run.total : null}
          format={percent}
        />
        <Plot
          title="Loss"
          points={run.loss}
          level={null}
          end={run.running ? run.total : null}
          format={(value) => value.toPrecision(3)}
        />
      </div>
    </div>
  )
}

/** Is it better? The score is the mean of Dice and instance Dice, by points and by boxes. */
function answer({ step, validations, best, validationImages }: RunProgress, base: number | null): string {
  if (base === null && best !== null)
    return `The adapter has a score of ${percent(best)}. The base model was not measured, so nothing says whether that is better.`
  if (base === null)
    return validations.length || step > 0
      ? 'There are no validation images, so nothing says whether the adapter is better: accept more images.'
      : 'First the base model is measured on the validation images.'
  if (best === null)
    return `The base model has a score of ${percent(base)} on the validation images. The adapter has not been measured yet.`
  const scores = `a score of ${percent(best)}, the base model has ${percent(base)}`
  if (validationImages === 1)
    return `On the one validation image the adapter has ${scores}. One image does not tell whether it is better: accept more.`
  const words = percent(best) === percent(base) ? 'as good' : best > base ? 'better' : 'worse'
  return `The adapter is ${words} on ${validationImages ?? 'the'} validation images: ${scores}.`
}
