/**
 * @file Tooltips that appear at once: the browser's own come a second late and not at all by keyboard. Any element with a
 * title has one; while it is shown the title is set aside, so that the browser does not show it a second time.
 */
import { signal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface Tip {
  text: string
  anchor: DOMRect
  /** Beside the element rather than below it. */
  beside: boolean
}

const tip = signal<Tip | null>(null)
let holder: HTMLElement | null = null
let kept = ''

function hide(): void {
  // the page may have set another title meanwhile
  if (holder && !holder.hasAttribute('title')) holder.title = kept
  holder = null
  tip.value = null
}

function show(element: HTMLElement): void {
  if (element === holder) return
  hide()
  const text = element.title
  if (!text) return
  holder = element
  kept = text
  element.removeAttribute('title')
  tip.value = { text, anchor: element.getBoundingClientRect(), beside: element.closest('.rail') !== null }
}

const titled = (target: EventTarget | null) =>
  target instanceof Element ? target.closest<HTMLElement>('[title]') : null

export function listenForTooltips(): void {
  addEventListener('pointerover', (event) => {
    if (event.pointerType === 'touch') return
    const element = titled(event.target)
    if (element) show(element)
    else if (!holder?.contains(event.target as Node)) hide()
  })
  addEventListener('focusin', (event) => {
    const element = titled(event.target)
    if (element?.matches(':focus-visible')) show(element)
    else hide()
  })
  addEventListener('pointerdown', hide, true)
  addEventListener('keydown', hide, true)
  addEventListener('wheel', hide, { capture: true, passive: true })
  addEventListener('blur', hide)
  document.addEventListener('pointerleave', hide)
}

/** Distances in CSS pixels. */
const [gap, edge] = [6, 4]

export function Tooltip() {
  const box = useRef<HTMLDivElement>(null)
  const now = tip.value
  useLayoutEffect(() => {
    if (!now || !box.current) return
    const { width, height } = box.current.getBoundingClientRect()
    const { anchor, beside } = now
    const right = anchor.right + gap + width + edge <= innerWidth
    const under = anchor.bottom + gap + height + edge <= innerHeight
    const x = beside && right ? anchor.right + gap : anchor.left + (anchor.width - width) / 2
    const y =
      beside && right
        ? anchor.top + (anchor.height - height) / 2
        : under
          ? anchor.bottom + gap
          : anchor.top - gap - height
    const { style } = box.current
    style.left = `${Math.max(edge, Math.min(innerWidth - width - edge, x))}px`
    style.top = `${Math.max(edge, Math.min(innerHeight - height - edge, y))}px`
  }, [now])
  if (!now) return null
  return (
    <div ref={box} class="tooltip" aria-hidden="true">
      {now.text}
    </div>
  )
}
