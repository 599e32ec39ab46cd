/** @file New masks by the model: points on and beside a particle, or a box; the answer is shown until it is taken. */
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
import { tell } from '../state/notices'
import { windowName } from '../state/outbox'
import type { ImageSession } from '../state/image-session'
import { accent, circle, drawSprite, sprite } from './ink'
import { far } from './select'
import type { Pointer, Tool } from './tool'

interface Answer {
  mask: Mask
  predictedIou: number
  stability: number
  sprite: HTMLCanvasElement
}

type Prompt = Omit<PromptRequest, 'window'>
const none: Prompt = { points: [], box: null }

const prompt = signal<Prompt>(none)
export const answers = signal<Answer[]>([])
/** Which of them is shown. */
export const shown = signal(0)
export const asking = signal(false)
/** Milliseconds of the last answer's decoder. */
export const decoderMs = signal<number | null>(null)
export const prompting = computed(() => prompt.value.points.length > 0 || prompt.value.box !== null)

let abort = new AbortController()
let from: Pointer | null = null
let to: Pointer | null = null

/** Forgets prompt and answer. */
export function clearPrompt(): boolean {
  const busy = prompting.value || from !== null
  abort.abort()
  from = to = null
  prompt.value = none
  answers.value = []
  asking.value = false
  return busy
}

async function ask(session: ImageSession, next: Prompt): Promise<void> {
  abort.abort()
  prompt.value = next
  if (!prompting.value) return void clearPrompt()
  const mine = (abort = new AbortController())
  asking.value = true
  try {
    const reply = await api.prompt(session.name, { window: windowName, ...next }, mine.signal)
    if (mine.signal.aborted) return
    encoding.value = { state: 'ready' }
    decoderMs.value = reply.ms
    answers.value = reply.masks
      .map(({ segmentation, ...measures }) => ({ mask: decodeMask(segmentation), ...measures }))
      .map((answer) => (tidy.value ? { ...answer, mask: tidied(answer.mask) } : answer))
      .filter(({ mask }) => mask.width > 0)
      .map((answer) => ({ ...answer, sprite: sprite(answer.mask, [74, 163, 255], 0.4) }))
    shown.value = 0
    if (!answers.value.length) tell('note', 'The model finds nothing there. Add points, or draw a box.')
    asking.value = false
  } catch (error) {
    // 409: a newer prompt took this one's place
    if (mine.signal.aborted || (error instanceof ApiError && error.status === 409)) return
    clearPrompt()
    tell('error', `The model could not answer: ${messageOf(error)}`)
  }
}

export const promptTool: Tool = {
  down(_session, at) {
    if (server.value?.model) from = to = at
    else
      tell('note', 'There is no model. Start wgsam review with --model to add masks by points; brush and lasso work.')
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
    if (far(start.window, at.window) && !start.right) {
      const [ax, ay] = clamp(start.image)
      const [bx, by] = clamp(at.image)
      const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)].map(Math.floor)
      return void ask(session, { ...prompt.value, box: box as [number, number, number, number] })
    }
    const [x, y] = at.image
    if (x < 0 || y < 0 || x >= width || y >= height) return
    const point = { x: Math.floor(x), y: Math.floor(y), foreground: !(start.right || start.shift || start.alt) }
    void ask(session, { ...prompt.value, points: [...prompt.value.points, point] })
  },
  over(session) {
    session.hover.value = 0
  },
  finish(session, replace) {
    const answer = answers.value[shown.value]
    if (!answer) return prompting.value
    const { mask, predictedIou, stability } = answer
    clearPrompt()
    session.edit('prompt', replace ? [...session.selection.value] : [], [{ mask, predictedIou, stability }])
    return true
  },
  cancel: clearPrompt,
  cycle() {
    if (answers.value.length < 2) return prompting.value
    shown.value = (shown.value + 1) % answers.value.length
    return true
  },
  back(session) {
    const { points, box } = prompt.value
    if (points.length) void ask(session, { points: points.slice(0, -1), box })
    else if (box) clearPrompt()
    else return false
    return true
  },
  draw(context, viewport: Viewport) {
    const answer = answers.value[shown.value]
    if (answer) drawSprite(context, viewport, answer.sprite, answer.mask)
    const { points, box } = prompt.value
    const dragged = from && to && !from.right && far(from.window, to.window)
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
