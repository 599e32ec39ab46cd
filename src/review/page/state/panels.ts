/**
 * @file Which panels beside the canvas are shown. In a wide window they stand beside it; in a narrow one each lies over the
 * canvas, one at a time, and is closed again by a tap on the canvas.
 */
import { computed, effect, signal } from '@preact/signals'
import { imagesOpen, imagesWidth, sideOpen, sideWidth } from './prefs'

type Panel = 'images' | 'side'

const query = matchMedia('(max-width: 899px)')
/** Whether there is no room for panels beside the canvas; style.css has the same limit. */
export const narrow = signal(query.matches)
query.addEventListener('change', ({ matches }) => {
  narrow.value = matches
  drawer.value = null
})

/** The panel that lies over the canvas of a narrow window. */
export const drawer = signal<Panel | null>(null)

export const imagesShown = computed(() => (narrow.value ? drawer.value === 'images' : imagesOpen.value))
export const sideShown = computed(() => (narrow.value ? drawer.value === 'side' : sideOpen.value))

export function togglePanel(panel: Panel): void {
  const open = panel === 'images' ? imagesOpen : sideOpen
  if (narrow.value) drawer.value = drawer.value === panel ? null : panel
  else open.value = !open.value
}

const limits: Record<Panel, [number, number]> = { images: [130, 420], side: [190, 520] }

/** Sets a panel's width in CSS pixels, within its limits. */
export function setWidth(panel: Panel, width: number): void {
  const [least, most] = limits[panel]
  const next = Math.round(Math.min(most, Math.max(least, width)))
  if (panel === 'images') imagesWidth.value = next
  else sideWidth.value = next
}

effect(() => {
  const { style } = document.documentElement
  style.setProperty('--images-width', `${imagesWidth.value}px`)
  style.setProperty('--side-width', `${sideWidth.value}px`)
})
