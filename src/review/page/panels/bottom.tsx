/** @file The status bar: a hint for the current tool, the model, pointer position, zoom and counts. */
import { encoding, server, session } from '../state/app'
import { waitingFor } from '../state/busy'
import { brush, oneClick } from '../state/prefs'
import { commands, titleOf } from '../commands'
import { crosshair } from '../state/crosshair'
import { cursor } from '../state/cursor'
import { lengthText, pixelSize } from '../state/scale'
import { metresText } from './round-length'
import { surroundings } from '../surroundings'
import { toolName } from '../tools'
import { hovered } from '../tools/hover'
import type { ModelMask } from '../tools/model-masks'
import { alternatives, clickMs, pending } from '../tools/one-click'
import { lineLength, ruler } from '../tools/ruler'
import { promptMasks, predicting, decoderMs, prompting, shown } from '../tools/prompt'
import type { ToolName } from '../tools/tool'

const hints: Record<ToolName, string> = {
  select: 'Click a mask; Shift+click adds; drag a box. Del removes, M merges, K splits.',
  prompt: 'Click on a particle, right-click beside it, or drag a box around it.',
  brush: 'Paint a new mask, or extend the selected one. Shift erases. [ and ] change the size.',
  erase: 'Erase. Shift paints. [ and ] change the size.',
  lasso: 'Drag around a particle, or click its corners and press Enter.',
  redraw: 'Outline the selected mask again.',
  cut: 'Draw a line across a mask.',
  pan: 'Drag to move; the wheel zooms.',
  ruler: 'Drag a line: its length is shown. Shift keeps it level or upright.',
  calibrate: 'Drag along the scale bar, then type its length.',
}

function promptHint(): string {
  const waiting = pending.value.length
  if (predicting.value || waiting) {
    if (waitingFor.value && waitingFor.value !== 'looking for similar particles')
      return `${capital(waitingFor.value)} first …`
    return waiting > 1 ? `Segmenting, ${waiting} clicks to go …` : 'Segmenting …'
  }
  const shownMask = hovered.value?.masks[hovered.value.shown]
  if (shownMask) {
    const { masks, shown: at } = hovered.value!
    return `${place(at, masks.length)}${measuresOf(shownMask)}. ${crosshair.value ? 'Space' : 'Click'} takes it.`
  }
  const mask = promptMasks.value[shown.value]
  if (mask) return `${place(shown.value, promptMasks.value.length)}${measuresOf(mask)}. Enter adds it, Esc discards it.`
  if (prompting.value) return 'No mask. Add points, or press Esc.'
  if (!oneClick.value) return hints.prompt
  const made = session.value && alternatives(session.value)
  if (made) return `${place(made.shown, made.total)}Shift+click adds to the mask, right-click takes away.`
  return 'Click on a particle takes it; drag a box around it. Shift+click adds to the selected one.'
}

function hintFor(tool: ToolName): string {
  if (tool === 'prompt') return promptHint()
  // the length is on the canvas too, where not everybody can read it
  if (tool === 'ruler' && ruler.value) return `Length: ${lengthText(lineLength(ruler.value))}. Esc removes the line.`
  return hints[tool]
}

const capital = (text: string) => text[0].toUpperCase() + text.slice(1)
const place = (at: number, total: number) => (total > 1 ? `${at + 1} of ${total} (Tab: next), ` : '')
const measuresOf = ({ predictedIou, stability }: ModelMask) =>
  `IoU ${predictedIou.toFixed(2)}, stability ${stability.toFixed(2)}`

function Model() {
  const now = encoding.value
  if (!server.value?.model)
    return <span title={`${surroundings.getModel} to add masks by points and boxes`}>no model</span>
  const { name, adapter, size } = server.value.model
  const title = `${name}${size ? ` at ${size} pixels` : ''}${adapter ? `, adapter ${adapter}` : ''}`
  const took = oneClick.value ? clickMs.value : decoderMs.value
  const ms = took === null ? '' : `, ${Math.round(took)} ms`
  const text =
    now.state === 'failed'
      ? `model: ${now.why}`
      : { none: name, encoding: `${name}: encoding …`, ready: `${name}: ready${ms}` }[now.state]
  return (
    <span class={`model model-${now.state}`} title={title}>
      {text}
    </span>
  )
}

export function Bottom() {
  const open = session.value
  const tool = toolName.value
  const sized = tool === 'brush' || tool === 'erase'
  return (
    <footer class="bottom">
      <span class="hint">{hintFor(tool)}</span>
      {sized && <span class="size">brush {2 * brush.value} px</span>}
      <span class="spring" />
      <Model />
      {open && <Numbers />}
    </footer>
  )
}

function Numbers() {
  const open = session.value
  if (!open) return null
  void open.version.value
  const chosen = open.selection.value.size
  const at = cursor.value?.map(Math.floor)
  return (
    <>
      <span class="soft">{at ? `${at[0]}, ${at[1]}` : ''}</span>
      <span>{Math.round(100 * open.viewport.view.value.scale)} %</span>
      <span>
        {open.masks.size} masks{chosen ? `, ${chosen} selected` : ''}
      </span>
      <button
        type="button"
        class="plain"
        title={pixelSize.value ? `${pixelSize.value.from}. Click to measure it again.` : titleOf(commands.calibrate)}
        onClick={commands.calibrate.run}
      >
        {pixelSize.value ? `${metresText(pixelSize.value.metres)}/px` : 'no scale'}
      </button>
      <span title="Fraction of the image that masks cover">
        {((100 * open.owners.covered) / (open.info.width * open.info.height)).toFixed(1)} % covered
      </span>
    </>
  )
}
