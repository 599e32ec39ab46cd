/** @file The user's display preferences, kept in the browser's storage. */
import { effect, signal } from '@preact/signals'

export type MaskStyle = 'outline' | 'fill'
export type SortKey = 'suspicion' | 'id' | 'area' | 'iou' | 'stability'

export type ImageOrder = 'name' | 'uncertainty'

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
  side: true,
  imagesWidth: 210,
  sideWidth: 272,
  stretch: false,
  infoBar: true,
  scaleBar: true,
  histogram: true,
  equalise: false,
  localContrast: 3,
  tidy: true,
  imageOrder: 'name' as ImageOrder,
  oneClick: true,
  hoverPreview: true,
  similarity: 0.3,
}

function load(): typeof defaults {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as Record<string, unknown>
    // only values of the right type: an older page may have stored others
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
/** Opacity of filled masks, 0 to 1. */
export const opacity = signal(Math.min(1, Math.max(0.05, start.opacity)))
export const numbers = signal(start.numbers)
/** Whether drawn masks leave out pixels of other masks. */
export const keepClear = signal(start.keepClear)
/** Radius of brush and eraser in pixels of the image. */
export const brush = signal(Math.min(200, Math.max(0.5, start.brush)))
export const sort = signal<SortKey>(start.sort)
export const descending = signal(start.descending)
export const imagesOpen = signal(start.images)
export const sideOpen = signal(start.side)
/** Widths in CSS pixels that were set by dragging the borders of the panels. */
export const imagesWidth = signal(start.imagesWidth)
export const sideWidth = signal(start.sideWidth)
export const imageOrder = signal<ImageOrder>(start.imageOrder === 'uncertainty' ? 'uncertainty' : 'name')

/** Whether the contrast of each image is stretched when it is opened. */
export const stretch = signal(start.stretch)

/** Whether the info bar that was cut off is shown below the image. */
export const infoBarShown = signal(start.infoBar)
export const scaleBarShown = signal(start.scaleBar)
export const histogramOpen = signal(start.histogram)

/** Whether the local contrast is equalised, and how much at most. */
export const equalise = signal(start.equalise)
export const localContrast = signal(Math.min(8, Math.max(1.5, start.localContrast)))

/** Whether small parts and holes are removed from the model's masks. */
export const tidy = signal(start.tidy)

/** Whether a click takes the model's mask; otherwise it is shown until Enter takes it. */
export const oneClick = signal(start.oneClick)
/** Whether the model's mask under the pointer is shown before the click. */
export const hoverPreview = signal(start.hoverPreview)

/** How similar found particles must be to the examples, 0 to 1. */
export const similarity = signal(Math.min(1, Math.max(0, start.similarity)))

/** Not stored: after a reload all masks should be visible. */
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
    side: sideOpen.value,
    imagesWidth: imagesWidth.value,
    sideWidth: sideWidth.value,
    stretch: stretch.value,
    infoBar: infoBarShown.value,
    scaleBar: scaleBarShown.value,
    histogram: histogramOpen.value,
    equalise: equalise.value,
    localContrast: localContrast.value,
    tidy: tidy.value,
    imageOrder: imageOrder.value,
    oneClick: oneClick.value,
    hoverPreview: hoverPreview.value,
    similarity: similarity.value,
  }
  try {
    localStorage.setItem(key, JSON.stringify(now))
  } catch {
    // storage is not available: the next visit starts with the defaults
  }
})
