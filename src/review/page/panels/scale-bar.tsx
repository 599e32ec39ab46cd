/** @file The scale bar in the corner of the canvas, with a round length at every zoom. */
import type { ImageSession } from '../state/image-session'
import { scaleBarShown } from '../state/prefs'
import { pixelSize } from '../state/scale'
import { metresText, roundLength } from './round-length'

/** Longest bar in CSS pixels. */
const longest = 150

export function ScaleBar({ session }: { session: ImageSession }) {
  const metres = pixelSize.value?.metres
  if (!metres || !scaleBarShown.value) return null
  const { scale } = session.viewport.view.value
  const length = roundLength((longest / scale) * metres)
  const text = metresText(length)
  return (
    <div
      class="scale-bar"
      role="img"
      aria-label={`Scale bar: ${text}`}
      style={{ width: `${(length / metres) * scale}px` }}
    >
      {text}
    </div>
  )
}
