/** @file How a person likes to look at things; kept from visit to visit. */
import { effect, signal } from '@preact/signals'

export type MaskStyle = 'outline' | 'fill'
export type SortKey = 'suspicion' | 'id' | 'area' | 'iou' | 'stability'

const key = 'wgsam view'

const defaults = {
  style: 'fill' as MaskStyle,
  opacity: 0.3,
  numbers: true,
  keepClear: true,
  brush: 8,
  sort: 'suspicion' as SortKey,
  descending: false,
  images: true,
  stretch: false,
  tidy: true,
}

function load(): typeof defaults {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as Record<string, unknown>
    // only what is of the right type: an older page may have kept other things
    const known = Object.entries(defaults).map(([name, value]) => [
      name,
      typeof kept[name] === typeof value ? kept[name] : value,
    ])
    return Object.fromEntries(known)
  } catch {
    return { ...defaults }
  }
}

const start = load()

export const style = signal<MaskStyle>(start.style === 'outline' ? 'outline' : 'fill')
/** Of filled masks, 0 to 1. */
export const opacity = signal(Math.min(1, Math.max(0.05, start.opacity)))
export const numbers = signal(start.numbers)
/** Whether a drawn mask leaves the pixels of other masks alone. */
export const keepClear = signal(start.keepClear)
/** Radius of brush and eraser in pixels of the image. */
export const brush = signal(Math.min(200, Math.max(0.5, start.brush)))
export const sort = signal<SortKey>(start.sort)
export const descending = signal(start.descending)
export const imagesOpen = signal(start.images)

/** Whether each image's gray values are stretched when it is opened. */
export const stretch = signal(start.stretch)

/** Whether what the model answers is freed of crumbs and holes. */
export const tidy = signal(start.tidy)

/** Not kept: a person who comes back should see all masks. */
export const hidden = signal(false)
export const coverage = signal(false)

effect(() => {
  const now = {
    style: style.value,
    opacity: opacity.value,
    numbers: numbers.value,
    keepClear: keepClear.value,
    brush: brush.value,
    sort: sort.value,
    descending: descending.value,
    images: imagesOpen.value,
    stretch: stretch.value,
    tidy: tidy.value,
  }
  try {
    localStorage.setItem(key, JSON.stringify(now))
  } catch {
    // storage forbidden: the next visit begins with the defaults
  }
})
