/** @file The course of a training: the loss, and the score of the validations beside that of the base model. */
import type { RunProgress } from '../protocol'
import { percent } from './words'

export function RunChart({ run }: { run: RunProgress }) {
  const [first] = run.validations
  const base = first?.[0] === 0 ? first[1] : null
  const later = run.validations.filter(([step]) => step > 0)
  const best = later.length ? Math.max(...later.map(([, score]) => score)) : null
  return (
    <div class="run">
      <p class="answer" role="status">
        {answer(run, base, best)}{' '}
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
function answer(
  { step, validations, validationImages }: RunProgress,
  base: number | null,
  best: number | null,
): string {
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

interface PlotProps {
  title: string
  points: [number, number][]
  /** A horizontal line for comparison. */
  level: number | null
  /** The last step of the whole run. */
  end: number | null
  format(value: number): string
}

const [WIDTH, HEIGHT] = [320, 120]
const EDGE = { left: 46, right: 10, top: 10, bottom: 20 }

function Plot({ title, points, level, end, format }: PlotProps) {
  if (!points.length && level === null) return null
  const values = [...points.map(([, value]) => value), ...(level === null ? [] : [level])]
  const low = Math.min(...values)
  const high = Math.max(...values)
  const room = (high - low || Math.abs(high) || 1) * 0.15
  const last = Math.max(end ?? 0, points.at(-1)?.[0] ?? 0, 1)
  const x = (step: number) => EDGE.left + (step / last) * (WIDTH - EDGE.left - EDGE.right)
  const y = (value: number) =>
    HEIGHT - EDGE.bottom - ((value - low + room) / (high - low + 2 * room)) * (HEIGHT - EDGE.top - EDGE.bottom)
  return (
    <figure class="plot">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
        <path class="axis" d={`M${EDGE.left} ${EDGE.top}V${HEIGHT - EDGE.bottom}H${WIDTH - EDGE.right}`} />
        {values.length > 0 && (
          <>
            {(format(low) === format(high) ? [low] : [low, high]).map((value) => (
              <text x={EDGE.left - 5} y={y(value) + 4} text-anchor="end">
                {format(value)}
              </text>
            ))}
          </>
        )}
        <text x={EDGE.left} y={HEIGHT - 5}>
          0
        </text>
        <text x={WIDTH - EDGE.right} y={HEIGHT - 5} text-anchor="end">
          step {last}
        </text>
        {level !== null && (
          <>
            <path class="level" d={`M${EDGE.left} ${y(level)}H${WIDTH - EDGE.right}`} />
            <text class="level-text" x={WIDTH - EDGE.right} y={y(level) - 4} text-anchor="end">
              base model
            </text>
          </>
        )}
        <path class="line" d={points.map(([step, value], i) => `${i ? 'L' : 'M'}${x(step)} ${y(value)}`).join('')} />
        {points.length <= 20 && points.map(([step, value]) => <circle cx={x(step)} cy={y(value)} r={3} />)}
      </svg>
    </figure>
  )
}
