/**
 * @file New masks from the model, prompted by points on and beside a particle or by a box. With one click (see one-click.ts) they
 * are taken at once; otherwise they are shown until Enter takes them or Escape discards them.
 */
import { computed, signal } from '@preact/signals'
import { messageOf } from '../../../host/errors'
import { ApiError } from '../api'
import type { Viewport } from '../image/viewport'
import type { Point } from '../../../../engine/image/box'
import { surroundings } from '../surroundings'
import { server, session as open } from '../state/app'
import { waitingFor, watchBusy } from '../state/busy'
import { oneClick } from '../state/prefs'
import { notify } from '../state/notices'
import type { ImageSession } from '../state/image-session'
import { aim, clearHover, hovered } from './hover'
import { accent, circle, drawSprite, sprite } from './ink'
import { askModel, type ModelMask, type Prompt } from './model-masks'
import * as clicks from './one-click'
import { isDrag } from './select'
import type { Pointer, Tool } from './tool'

interface PromptMask extends ModelMask {
  sprite: HTMLCanvasElement
}

const none: Prompt = { points: [], box: null }

const prompt = signal<Prompt>(none)
export const promptMasks = signal<PromptMask[]>([])
/** Index of the mask that is shown. */
export const shown = signal(0)
export const predicting = signal(false)
/** Decoder time of the last prediction in milliseconds. */
export const decoderMs = signal<number | null>(null)
export const prompting = computed(() => prompt.value.points.length > 0 || prompt.value.box !== null)
watchBusy(
  computed(() => predicting.value || clicks.pending.value.length > 0),
  (reply) => (waitingFor.value = reply?.doing ?? null),
)

/** The prompts that the points and the box were added to, the latest last. */
let earlier: Prompt[] = []
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
  earlier = []
  predicting.value = false
  return busy
}

/** Asks for the masks of a prompt with one more point, or a box. */
function extend(session: ImageSession, next: Prompt): void {
  earlier.push(prompt.value)
  void predict(session, next)
}

async function predict(session: ImageSession, next: Prompt): Promise<void> {
  abort.abort()
  prompt.value = next
  if (!prompting.value) return void clearPrompt()
  const mine = (abort = new AbortController())
  predicting.value = true
  try {
    const { masks, ms } = await askModel(session, next, undefined, mine.signal)
    if (mine.signal.aborted) return
    decoderMs.value = ms
    promptMasks.value = masks.map((found) => ({ ...found, sprite: sprite(found.mask, [74, 163, 255], 0.4) }))
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
        `There is no model. ${surroundings.getModel} to add masks by points and boxes; brush and lasso work without.`,
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
      const corners = box as [number, number, number, number]
      if (oneClick.value) return clicks.box(session, corners)
      return extend(session, { points: prompt.value.points, box: corners })
    }
    const [x, y] = at.image
    if (x < 0 || y < 0 || x >= width || y >= height) return
    if (oneClick.value) return clickOnce(session, Math.floor(x), Math.floor(y), start)
    const point = { x: Math.floor(x), y: Math.floor(y), foreground: !(start.right || start.shift || start.alt) }
    const { points, box, mask: corrected } = prompt.value
    const mask = predicting.value ? corrected : promptMasks.value[shown.value]?.mask
    extend(session, { points: [...points, point], box, mask })
  },
  over(session, { image: [x, y] }) {
    if (oneClick.value) aim(session, Math.floor(x), Math.floor(y))
    else session.hover.value = 0
  },
  leave: clearHover,
  finish(session, replace) {
    if (hovered.value) {
      clicks.takeHovered(session, replace ? [...session.selection.value] : [])
      return true
    }
    const found = promptMasks.value[shown.value]
    if (!found) return prompting.value
    const { mask, predictedIou, stability } = found
    clearPrompt()
    session.edit('prompt', replace ? [...session.selection.value] : [], [{ mask, predictedIou, stability }])
    return true
  },
  cancel() {
    clearHover()
    return [clearPrompt(), clicks.discardClicks()].includes(true)
  },
  cycle(session) {
    if (!prompting.value) return clicks.nextMask(session)
    if (promptMasks.value.length < 2) return prompting.value
    shown.value = (shown.value + 1) % promptMasks.value.length
    return true
  },
  back(session) {
    if (!prompting.value) return clicks.removePoint(session)
    void predict(session, earlier.pop() ?? none)
    return true
  },
  draw(context, viewport: Viewport) {
    const session = hovered.value?.session ?? open.value
    if (hovered.value) {
      const { masks, sprites, shown: at } = hovered.value
      drawSprite(context, viewport, sprites[at], masks[at].mask)
    }
    const found = promptMasks.value[shown.value]
    if (found) drawSprite(context, viewport, found.sprite, found.mask)
    const waiting = clicks.pending.value.filter((one) => one.session === session).map((one) => one.prompt)
    const chosen = oneClick.value && session ? clicks.selectedPrompt(session) : null
    for (const one of [...waiting, ...(chosen ? [chosen] : []), prompt.value]) drawPrompt(context, viewport, one)
    if (from && to && !from.right && isDrag(from.window, to.window)) frame(context, from.window, to.window)
  },
}

/** A click that takes a mask, or corrects the selected one. */
function clickOnce(session: ImageSession, x: number, y: number, { right, shift, alt, ctrl }: Pointer): void {
  if (right || alt) clicks.refine(session, x, y, false)
  else if (shift) clicks.refine(session, x, y, true)
  else clicks.click(session, x, y, ctrl)
}

function drawPrompt(context: CanvasRenderingContext2D, viewport: Viewport, { points, box }: Prompt): void {
  if (box) frame(context, viewport.toWindow([box[0], box[1]]), viewport.toWindow([box[2] + 1, box[3] + 1]))
  for (const { x, y, foreground } of points)
    circle(context, viewport.toWindow([x + 0.5, y + 0.5]), 5, foreground ? '#3fb950' : '#f85149', true)
}

function frame(context: CanvasRenderingContext2D, [ax, ay]: Point, [bx, by]: Point): void {
  context.strokeStyle = 'rgb(0 0 0 / 0.6)'
  context.lineWidth = 4
  context.strokeRect(ax, ay, bx - ax, by - ay)
  context.strokeStyle = accent
  context.lineWidth = 2
  context.strokeRect(ax, ay, bx - ax, by - ay)
}
