/** @file The canvas: redraws after changes, and passes pointer and wheel events to the view or the tool. */
import { effect } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Point } from '../../../../engine/image/box'
import { messageOf } from '../../../host/errors'
import { notify } from '../state/notices'
import { coverage, hidden, numbers, opacity, style, brush } from '../state/prefs'
import { crosshair } from '../state/crosshair'
import { cursor } from '../state/cursor'
import { infoBar } from '../state/info-bar'
import { openMenu } from '../state/menu'
import { preview } from '../state/preview'
import type { ImageSession } from '../state/image-session'
import { toolName, tools } from '../tools'
import { hovered } from '../tools/hover'
import { pending } from '../tools/one-click'
import { promptMasks, prompting, shown } from '../tools/prompt'
import type { Pointer } from '../tools/tool'
import { Calibrate } from '../panels/calibrate'
import { ScaleBar } from '../panels/scale-bar'
import { Painter } from './painter'
import { Touches } from './touches'

/** Whether Space is held: the pointer then moves the view. */
let spaceHeld = false
export const holdSpace = (held: boolean) => {
  spaceHeld = held
  document.documentElement.classList.toggle('panning', held)
}

export function Editor({ session }: { session: ImageSession }) {
  const below = useRef<HTMLCanvasElement>(null)
  const above = useRef<HTMLCanvasElement>(null)
  // a layout effect runs before painting: a visible canvas must already handle clicks and know the image's position
  useLayoutEffect(() => attach(session, below.current!, above.current!), [session])
  return (
    <div class={`stage tool-${toolName.value}`}>
      <canvas ref={below} class="below" aria-hidden="true" />
      <canvas
        ref={above}
        class="above"
        tabIndex={0}
        role="application"
        aria-label={`${session.name}: canvas with ${session.masks.size} masks. The list of masks contains the same masks. W shows a crosshair that arrow keys move.`}
      />
      <ScaleBar session={session} />
      <Calibrate session={session} />
    </div>
  )
}

const sized = () => toolName.value === 'brush' || toolName.value === 'erase'

/** Connects the canvases to the session. @returns a function that disconnects them */
function attach(session: ImageSession, below: HTMLCanvasElement, above: HTMLCanvasElement): () => void {
  const painter = new Painter(below, above)
  const { viewport } = session
  let pointer: Point | null = null
  let frame = 0
  const draw = () => {
    frame = 0
    if (!session.released && session.catchUp()) dirty()
    painter.draw(session, crosshair.value ? viewport.toWindow(crosshair.value) : pointer)
  }
  const dirty = () => {
    frame ||= requestAnimationFrame(draw)
  }

  const stopWatching = effect(() => {
    void [viewport.view.value, session.version.value, session.hover.value, session.picture.levels.value]
    void [style.value, opacity.value, coverage.value, hidden.value, numbers.value, brush.value, toolName.value]
    void [infoBar.value, preview.value, promptMasks.value, shown.value, prompting.value]
    void [hovered.value, pending.value, crosshair.value]
    dirty()
  })
  // again when the info bar has been loaded, in which the scale bar is looked for
  const stopStarting = effect(() => tools[toolName.value].start?.(session))
  // lines keep roughly their width on the screen; repainting them waits until zooming pauses
  let resting = 0
  const stopZooming = effect(() => {
    const line = Math.min(4, Math.max(1, Math.round(1 / viewport.view.value.scale)))
    clearTimeout(resting)
    if (line !== session.layer.line)
      resting = window.setTimeout(() => {
        session.layer.line = line
        session.repaint()
      }, 120)
  })
  const measure = () => {
    const { width, height } = above.getBoundingClientRect()
    painter.resize(width, height)
    viewport.resize({ width, height })
    // not in the next frame: setting a canvas's size clears it
    draw()
  }
  measure()
  // the ground around the image is drawn, so it does not follow the style sheet
  const scheme = matchMedia('(prefers-color-scheme: light)')
  scheme.addEventListener('change', dirty)
  const observer = new ResizeObserver(measure)
  observer.observe(above)

  const read = (event: MouseEvent): Pointer => {
    const { left, top } = above.getBoundingClientRect()
    const window: Point = [event.clientX - left, event.clientY - top]
    return {
      window,
      image: viewport.toImage(window),
      shift: event.shiftKey,
      ctrl: event.ctrlKey || event.metaKey,
      alt: event.altKey,
      right: event.button === 2,
      double: event.detail >= 2,
    }
  }
  const safely = (run: () => void) => {
    try {
      run()
    } catch (error) {
      notify('error', messageOf(error))
    }
    dirty()
  }

  let panning: Point | null = null
  const press = (event: PointerEvent) => {
    const at = read(event)
    pointer = at.window
    if (event.button === 1 || spaceHeld || toolName.value === 'pan') panning = at.window
    else safely(() => tools[toolName.value].down?.(session, at))
  }
  const touches = new Touches(viewport, {
    movesView: () => toolName.value === 'select' || toolName.value === 'pan',
    place: (event) => read(event).window,
    down: press,
    drag: (event) => safely(() => tools[toolName.value].drag?.(session, read(event))),
    up: (event) => up(event),
    abandon: () => abandon(),
  })
  const touched = (event: PointerEvent) => event.pointerType === 'touch'
  const down = (event: PointerEvent) => {
    above.focus({ preventScroll: true })
    above.setPointerCapture(event.pointerId)
    crosshair.value = null
    if (touched(event)) touches.down(event)
    else press(event)
    event.preventDefault()
  }
  const move = (event: PointerEvent) => {
    if (touched(event)) return touches.move(event)
    const at = read(event)
    pointer = at.window
    // a mouse that lies there must not take the crosshair's place
    if (crosshair.value && !event.buttons) return
    cursor.value = at.image
    if (panning) {
      viewport.move(at.window[0] - panning[0], at.window[1] - panning[1])
      panning = at.window
      return
    }
    const tool = tools[toolName.value]
    safely(() => {
      if (!event.buttons) return tool.over?.(session, at)
      // all positions since the last event, otherwise a quick stroke has corners
      for (const each of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event])
        tool.drag?.(session, read(each))
    })
  }
  const up = (event: PointerEvent) => {
    if (panning) panning = null
    else safely(() => tools[toolName.value].up?.(session, read(event)))
  }
  const leave = () => {
    pointer = null
    cursor.value = null
    session.hover.value = 0
    tools[toolName.value].leave?.()
    dirty()
  }
  const abandon = () => {
    panning = null
    safely(() => void tools[toolName.value].cancel?.())
  }
  const wheel = (event: WheelEvent) => {
    event.preventDefault()
    const lines = event.deltaMode === 0 ? 1 : 16
    const [dx, dy] = [event.deltaX * lines, event.deltaY * lines]
    // a touch pad scrolls in small steps or sideways, a wheel in large steps
    const pad = event.deltaMode === 0 && !event.ctrlKey && (dx !== 0 || Math.abs(dy) < 40)
    if (event.altKey && sized())
      brush.value = Math.min(200, Math.max(0.5, Math.round(brush.value * Math.exp(-dy * 0.002) * 2) / 2))
    else if (event.shiftKey) viewport.move(-(dx || dy), 0)
    else if (pad) viewport.move(-dx, -dy)
    else viewport.zoom(viewport.view.value.scale * Math.exp(-dy * (event.ctrlKey ? 0.01 : 0.002)), read(event).window)
  }
  const menu = (event: MouseEvent) => {
    event.preventDefault()
    // the other tools use the right button themselves
    if (toolName.value !== 'select' && toolName.value !== 'pan') return
    const { left, top, width, height } = above.getBoundingClientRect()
    // the menu key has no position
    const inside =
      event.clientX > left && event.clientX < left + width && event.clientY > top && event.clientY < top + height
    const byPointer = inside && event.button === 2
    if (byPointer) {
      const [x, y] = read(event).image.map(Math.floor)
      const id = session.owners.at(x, y)
      if (!id) session.select([])
      else if (!session.selection.value.has(id)) session.select([id])
    }
    openMenu(byPointer ? [event.clientX, event.clientY] : [left + width / 2, top + height / 2])
  }

  above.addEventListener('pointerdown', down)
  above.addEventListener('pointermove', move)
  const lift = (event: PointerEvent) => (touched(event) ? touches.up(event) : up(event))
  const lose = (event: PointerEvent) => (touched(event) ? touches.cancel(event) : abandon())
  above.addEventListener('pointerup', lift)
  above.addEventListener('pointercancel', lose)
  above.addEventListener('pointerleave', leave)
  above.addEventListener('wheel', wheel, { passive: false })
  above.addEventListener('contextmenu', menu)
  return () => {
    stopWatching()
    stopZooming()
    stopStarting()
    clearTimeout(resting)
    observer.disconnect()
    scheme.removeEventListener('change', dirty)
    cancelAnimationFrame(frame)
    tools[toolName.peek()].cancel?.()
    above.removeEventListener('pointerdown', down)
    above.removeEventListener('pointermove', move)
    above.removeEventListener('pointerup', lift)
    above.removeEventListener('pointercancel', lose)
    above.removeEventListener('pointerleave', leave)
    above.removeEventListener('wheel', wheel)
    above.removeEventListener('contextmenu', menu)
  }
}
