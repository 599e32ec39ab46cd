/** @file A curve over the steps of a training. */
import './plot.css'

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

export function Plot({ title, points, level, end, format }: PlotProps) {
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
