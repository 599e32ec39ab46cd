/** @file The info bar that was cut off below the open image: shown under it, because it has the scale bar. */
import { effect, signal } from '@preact/signals'
import { api } from '../api'
import { session } from './app'
import { infoBarShown } from './prefs'
import type { ImageSession } from './image-session'

/** Null if it is not shown, or there is none. */
export const infoBar = signal<ImageBitmap | null>(null)

async function load(open: ImageSession): Promise<void> {
  try {
    const bitmap = await createImageBitmap(await api.infoBar(open.name))
    if (session.peek() !== open || !infoBarShown.peek()) return bitmap.close()
    infoBar.value = bitmap
    open.viewport.showBelow(bitmap.height)
  } catch {
    // projects of earlier versions have no info bar, and the image can be reviewed without it
  }
}

effect(() => {
  const open = session.value
  const shown = infoBarShown.value
  infoBar.peek()?.close()
  infoBar.value = null
  open?.viewport.showBelow(0)
  if (open && shown && open.info.croppedBottom) void load(open)
})
