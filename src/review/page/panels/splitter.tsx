/** @file The border between a panel and the canvas: dragging it, or the arrow keys, changes the panel's width. */
import { imagesWidth, sideWidth } from '../state/prefs'
import { setWidth } from '../state/panels'

const keyStep = 16

export function Splitter({ panel }: { panel: 'images' | 'side' }) {
  const width = panel === 'images' ? imagesWidth.value : sideWidth.value
  /** +1 if the panel grows to the right. */
  const sign = panel === 'images' ? 1 : -1
  const drag = (event: PointerEvent) => {
    const border = event.currentTarget as HTMLElement
    const from = event.clientX
    const before = border.parentElement!.getBoundingClientRect().width
    border.setPointerCapture(event.pointerId)
    const move = ({ clientX }: PointerEvent) => setWidth(panel, before + sign * (clientX - from))
    border.addEventListener('pointermove', move)
    const end = () => border.removeEventListener('pointermove', move)
    border.addEventListener('pointerup', end, { once: true })
    border.addEventListener('pointercancel', end, { once: true })
    event.preventDefault()
  }
  const key = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? keyStep : event.key === 'ArrowLeft' ? -keyStep : 0
    if (!by) return
    setWidth(panel, width + sign * by)
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      class={`splitter splitter-${panel}`}
      role="separator"
      aria-orientation="vertical"
      aria-label={panel === 'images' ? 'Width of the list of images' : 'Width of the panel'}
      aria-valuenow={width}
      tabIndex={0}
      onPointerDown={drag}
      onKeyDown={key}
    />
  )
}
