/** @file New masks from the model, prompted by points on and beside a particle or by a box; shown until added or discarded. */
import { computed, signal } from '@preact/signals'
import type { Mask } from '../../../../engine/masks/mask'
import { decodeMask } from '../../../../engine/masks/rle'
import type { PromptRequest } from '../../protocol'
import { messageOf } from '../../../host/errors'
import { api, ApiError } from '../api'
import type { Viewport } from '../image/viewport'
import type { Point } from '../../../../engine/image/box'
import { tidied } from '../masks/shape'
import { encoding, server } from '../state/app'
import { tidy } from '../state/prefs'
import { notify } from '../state/notices'
import { windowName } from '../state/outbox'
import type { ImageSession } from '../state/image-session'
import { accent, circle, drawSprite, sprite } from './ink'
import { isDrag } from './select'
import type { Pointer, Tool } from './tool'

interface PromptMask {
  mask: Mask
  predictedIou: number
  stability: number
  sprite: HTMLCanvasElement
}

type Prompt = Omit<PromptRequest, 'window'>
const none: Prompt = { points: [], box: null }

const prompt = signal<Prompt>(none)
export const promptMasks = signal<PromptMask[]>([])
/** Index of the mask that is shown. */
export const shown = signal(0)
export const predicting = signal(false)
/** Decoder time of the last prediction in milliseconds. */
export const decoderMs = signal<number | null>(null)
export const prompting = computed(() => prompt.value.points.length > 0 || prompt.value.box !== null)

let abort = new AbortController()
let from: Pointer | null = null
let to: Pointer | null = null

/** Discards the prompt and the predicted masks. @returns whether there was a prompt */
function clearPrompt(): boolean {
  const busy = prompting.value || from !== null
  abort.abort()
  from = to = null
  prompt.value = none
  promptMasks.value = []
  predicting.value = false
  return busy
}

async function predict(session: ImageSession, next: Prompt): Promise<void> {
  abort.abort()
  prompt.value = next
  if (!prompting.value) return void clearPrompt()
  const mine = (abort = new AbortController())
  predicting.value = true
  try {
    const reply = await api.prompt(session.name, { window: windowName, ...next }, mine.signal)
    if (mine.signal.aborted) return
    encoding.value = { state: 'ready' }
    decoderMs.value = reply.ms
    promptMasks.value = reply.masks
      .map(({ segmentation, ...measures }) => ({ mask: decodeMask(segmentation), ...measures }))
      .map((found) => (tidy.value ? { ...found, mask: tidied(found.mask) } : found))
      .filter(({ mask }) => mask.width > 0)
      .map((found) => ({ ...found, sprite: sprite(found.mask, [74, 163, 255], 0.4) }))
    shown.value = 0
    if (!promptMasks.value.length) notify('note', 'The model found no mask. Add points, or draw a box.')
    predicting.value = false
  } catch (error) {
    // 409: a newer prompt replaced this one
    if (mine.signal.aborted || (error instanceof ApiError && error.status === 409)) return
    clearPrompt()
    notify('error', `The model failed: ${messageOf(error)}`)
  }
}

export const promptTool: Tool = {
  down(_session, at) {
    if (server.value?.model) from = to = at
    else
      notify(
        'note',
        'There is no model. Start wgsam review with --model to add masks by points and boxes; brush and lasso work without.',
      )
  },
  drag(_session, at) {
    to = at
  },
  up(session, at) {
    const start = from
    from = to = null
    if (!start) return
    const { width, height } = session.info
    const clamp = ([x, y]: Point): Point => [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))]
    if (isDrag(start.window, at.window) && !start.right) {
      const [ax, ay] = clamp(start.image)
      const [bx, by] = clamp(at.image)
      const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)].map(Math.floor)
      return void predict(session, { ...prompt.value, box: box as [number, number, number, number] })
    }
    const [x, y] = at.image
    if (x < 0 || y < 0 || x >= width || y >= height) return
    const point = { x: Math.floor(x), y: Math.floor(y), foreground: !(start.right || start.shift || start.alt) }
    void predict(session, { ...prompt.value, points: [...prompt.value.points, point] })
  },
  over(session) {
    session.hover.value = 0
  },
  finish(session, replace) {
    const found = promptMasks.value[shown.value]
    if (!found) return prompting.value
    const { mask, predictedIou, stability } = found
    clearPrompt()
    session.edit('prompt', replace ? [...session.selection.value] : [], [{ mask, predictedIou, stability }])
    return true
  },
  cancel: clearPrompt,
  cycle() {
    if (promptMasks.value.length < 2) return prompting.value
    shown.value = (shown.value + 1) % promptMasks.value.length
    return true
  },
  back(session) {
    const { points, box } = prompt.value
    if (points.length) void predict(session, { points: points.slice(0, -1), box })
    else if (box) clearPrompt()
    else return false
    return true
  },
  draw(context, viewport: Viewport) {
    const found = promptMasks.value[shown.value]
    if (found) drawSprite(context, viewport, found.sprite, found.mask)
    const { points, box } = prompt.value
    const dragged = from && to && !from.right && isDrag(from.window, to.window)
    const corners = dragged
      ? [from!.window, to!.window]
      : box && [viewport.toWindow([box[0], box[1]]), viewport.toWindow([box[2] + 1, box[3] + 1])]
    if (corners) {
      const [[ax, ay], [bx, by]] = corners
      context.strokeStyle = 'rgb(0 0 0 / 0.6)'
      context.lineWidth = 4
      context.strokeRect(ax, ay, bx - ax, by - ay)
      context.strokeStyle = accent
      context.lineWidth = 2
      context.strokeRect(ax, ay, bx - ax, by - ay)
    }
    for (const { x, y, foreground } of points)
      circle(context, viewport.toWindow([x + 0.5, y + 0.5]), 5, foreground ? '#3fb950' : '#f85149', true)
  },
}
