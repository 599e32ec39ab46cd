/** @file The page's commands with their keys: used by the keyboard, the buttons and the help sheet. */
import { signal } from '@preact/signals'
import { messageOf } from '../../host/errors'
import { accept, withdraw } from './accept'
import { api } from './api'
import { fillSelected, mergeSelected, removeSelected, splitSelected } from './edits'
import { copySelected, editComment, pasteCopied, setClass, toggleLock } from './marks'
import { toggleCrosshair } from './canvas/crosshair'
import { endCrosshair } from './state/crosshair'
import type { ExportReply } from '../protocol'
import { allSent, link, neighbour, refresh, server, session } from './state/app'
import { notify } from './state/notices'
import { classesOpen } from './state/classes'
import { togglePanel } from './state/panels'
import { brush, coverage, hidden, numbers, oneClick, style } from './state/prefs'
import { maskRegion } from '../../../engine/masks/mask'
import { endSearch, findSimilar } from './state/similar'
import { ordered } from './state/order'
import type { ImageSession } from './state/image-session'
import { surroundings } from './surroundings'
import { chooseTool, toolName, tools } from './tools'
import { leaveFor } from './tools/leave'
import type { ToolName } from './tools/tool'

export const helpOpen = signal(false)
export const exported = signal<ExportReply | null>(null)
export const exporting = signal(false)
/** The key that runs the current command; '' if it is run by a button. */
export const pressedKey = signal('')

export interface Command {
  group: string
  label: string
  /** KeyboardEvent.key in lower case, prefixed with ctrl+ and shift+. */
  keys: string[]
  run(): void
}

const withSession = (run: (session: ImageSession) => void) => () => {
  const open = session.value
  if (open) run(open)
}

async function runExport(): Promise<void> {
  if (surroundings.export) return surroundings.export()
  if (link.value === 'offline') return notify('error', 'The server does not respond. Export again when it is back.')
  exporting.value = true
  try {
    await allSent()
    exported.value = await api.export()
    await refresh()
  } catch (error) {
    notify('error', `The export failed: ${messageOf(error)}`)
  } finally {
    exporting.value = false
  }
}

/** Position in the list of the mask selected last by `step`. */
let lastPlace = 0

/** Selects the next or previous mask in the list and shows it. */
function step(open: ImageSession, by: 1 | -1): void {
  const list = ordered.value
  if (!list.length) return
  const at = list.findIndex(({ id }) => open.selection.value.has(id))
  // if the last one was removed, the next mask has its position
  const start = at >= 0 ? at : by > 0 ? lastPlace - 1 : lastPlace
  lastPlace = (start + by + list.length) % list.length
  const next = list[lastPlace]
  open.select([next.id])
  open.viewport.show(maskRegion(next.mask))
}

const tool = (name: ToolName, key: string, label: string): Command => ({
  group: 'Tools',
  label,
  keys: [key],
  run: () => chooseTool(name),
})

const resize = (factor: number) => {
  brush.value = Math.min(200, Math.max(0.5, Math.round(brush.value * factor * 2) / 2 + (factor > 1 ? 0.5 : -0.5)))
}

const open = (by: 1 | -1) => {
  const name = neighbour(by)
  if (name) void leaveFor(name)
  else notify('note', by > 0 ? 'This is the last image.' : 'This is the first image.')
}

export const commands = {
  select: tool(
    'select',
    'v',
    'Select: click, Shift+click or Ctrl+click to add, drag a box, Alt+click for the mask below',
  ),
  prompt: tool('prompt', 'p', 'Point or box: the model segments the particle'),
  brush: tool('brush', 'b', 'Brush: extend the selected mask, or start a new one'),
  erase: tool('erase', 'e', 'Eraser'),
  lasso: tool('lasso', 'l', 'Lasso: outline a new mask by dragging or by clicking its corners'),
  redraw: tool('redraw', 'r', 'Redraw: outline the selected mask again'),
  cut: tool('cut', 'k', 'Knife: draw a line across a mask to split it'),
  pan: tool('pan', 'h', 'Pan: move the view (also Space+drag or the middle button)'),
  ruler: tool('ruler', 'd', 'Ruler: drag a line to read its length'),
  calibrate: tool('calibrate', 'shift+d', 'Set the scale: drag along the scale bar and type its length'),
  crosshair: {
    group: 'Tools',
    label:
      'Crosshair: arrow keys move it (Shift: by a pixel, Ctrl: far), Space clicks or drags with the tool, D is a point beside the particle',
    keys: ['w'],
    run: withSession(toggleCrosshair),
  },
  smaller: { group: 'Tools', label: 'Smaller brush', keys: ['['], run: () => resize(1 / 1.2) },
  larger: { group: 'Tools', label: 'Larger brush (also Alt+wheel)', keys: [']'], run: () => resize(1.2) },

  remove: {
    group: 'Edit',
    label: 'Remove selected masks',
    keys: ['delete', 'backspace', 'x'],
    run: withSession(removeSelected),
  },
  merge: { group: 'Edit', label: 'Merge selected masks', keys: ['m'], run: withSession(mergeSelected) },
  split: { group: 'Edit', label: 'Split into connected parts', keys: ['shift+k'], run: withSession(splitSelected) },
  fill: { group: 'Edit', label: 'Fill holes', keys: ['f'], run: withSession(fillSelected) },
  undo: {
    group: 'Edit',
    label: 'Undo',
    keys: ['ctrl+z'],
    run: withSession((s) => void (s.undo() || notify('note', 'There is nothing to undo.'))),
  },
  redo: {
    group: 'Edit',
    label: 'Redo',
    keys: ['ctrl+shift+z', 'ctrl+y'],
    run: withSession((s) => void (s.redo() || notify('note', 'There is nothing to redo.'))),
  },

  copy: { group: 'Edit', label: 'Copy selected masks', keys: ['ctrl+c'], run: withSession(copySelected) },
  paste: {
    group: 'Edit',
    label: 'Paste: in another image at the same place, here at the pointer',
    keys: ['ctrl+v'],
    run: withSession(pasteCopied),
  },
  lock: { group: 'Notes', label: 'Lock or unlock selected masks', keys: ['t'], run: withSession(toggleLock) },
  comment: {
    group: 'Notes',
    label: 'Comment on the selected masks, or on the image',
    keys: ['shift+c'],
    run: withSession(editComment),
  },
  class: {
    group: 'Notes',
    label: 'Class of the selected masks; the same key again takes it back',
    keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
    run: withSession((s) => setClass(s, Number(pressedKey.value || '1') - 1)),
  },
  classes: {
    group: 'Notes',
    label: 'Edit the list of classes',
    keys: ['shift+l'],
    run: () => void (classesOpen.value = true),
  },

  all: {
    group: 'Select',
    label: 'Select all masks of the list',
    keys: ['ctrl+a'],
    run: withSession((s) => s.select(ordered.value.map(({ id }) => id))),
  },
  none: {
    group: 'Select',
    label: 'Cancel the current action, or clear the selection',
    keys: ['escape'],
    run: withSession((s) => void (tools[toolName.value].cancel?.() || endSearch() || endCrosshair() || s.select([]))),
  },
  next: {
    group: 'Select',
    label: 'Next mask in the list',
    keys: ['arrowdown', 'j'],
    run: withSession((s) => step(s, 1)),
  },
  previous: {
    group: 'Select',
    label: 'Previous mask in the list',
    keys: ['arrowup', 'i'],
    run: withSession((s) => step(s, -1)),
  },

  take: {
    group: 'Model',
    label: 'Take the model’s mask that is shown (also closes a lasso)',
    keys: ['enter'],
    run: withSession((s) => void tools[toolName.value].finish?.(s, false)),
  },
  replace: {
    group: 'Model',
    label: 'Replace the selected masks by the model’s mask',
    keys: ['shift+enter'],
    run: withSession((s) => void tools[toolName.value].finish?.(s, true)),
  },
  cycle: {
    group: 'Model',
    label: 'Show the model’s next alternative',
    keys: ['tab'],
    run: withSession((s) => void tools[toolName.value].cycle?.(s)),
  },
  similar: {
    group: 'Model',
    label: 'Find similar: particles like the selected masks, all over the image',
    keys: ['s'],
    run: withSession((s) => {
      if (server.value?.model) void findSimilar(s)
      else notify('note', `There is no model. ${surroundings.getModel} to find similar particles.`)
    }),
  },
  oneClick: {
    group: 'Model',
    label: 'One click takes the mask, or a click and Enter',
    keys: ['shift+t'],
    run: () => {
      tools.prompt.cancel?.()
      oneClick.value = !oneClick.value
      notify('note', oneClick.value ? 'One click takes the mask.' : 'A click shows the mask; Enter takes it.')
    },
  },

  hide: { group: 'View', label: 'Hide or show masks', keys: ['q'], run: () => void (hidden.value = !hidden.value) },
  style: {
    group: 'View',
    label: 'Outlined or filled masks',
    keys: ['o'],
    run: () => void (style.value = style.value === 'fill' ? 'outline' : 'fill'),
  },
  numbers: { group: 'View', label: 'Mask numbers', keys: ['n'], run: () => void (numbers.value = !numbers.value) },
  coverage: {
    group: 'View',
    label: 'Highlight the uncovered area',
    keys: ['u'],
    run: () => void (coverage.value = !coverage.value),
  },
  fit: { group: 'View', label: 'Fit the image to the window', keys: ['0'], run: withSession((s) => s.viewport.fit()) },
  actual: { group: 'View', label: 'Zoom to 100 %', keys: ['z'], run: withSession((s) => s.viewport.zoom(1)) },
  closer: {
    group: 'View',
    label: 'Zoom in (wheel)',
    keys: ['+', '='],
    run: withSession((s) => s.viewport.zoom(s.viewport.view.value.scale * 1.5)),
  },
  further: {
    group: 'View',
    label: 'Zoom out',
    keys: ['-'],
    run: withSession((s) => s.viewport.zoom(s.viewport.view.value.scale / 1.5)),
  },
  centre: { group: 'View', label: 'Centre the selected masks', keys: ['c'], run: withSession(showSelected) },

  nextImage: { group: 'Images', label: 'Next image', keys: ['pagedown', '.'], run: () => open(1) },
  previousImage: { group: 'Images', label: 'Previous image', keys: ['pageup', ','], run: () => open(-1) },
  accept: {
    group: 'Images',
    label: 'Accept the image and open the next one that is not accepted',
    keys: ['shift+a', 'ctrl+enter'],
    run: withSession((s) => void accept(s)),
  },
  withdraw: {
    group: 'Images',
    label: 'Withdraw the acceptance of the image',
    keys: ['shift+w'],
    run: withSession(withdraw),
  },
  export: {
    group: 'Images',
    label: 'Export accepted images as a dataset',
    keys: ['ctrl+e'],
    run: () => void runExport(),
  },
  images: {
    group: 'Images',
    label: 'List of images',
    keys: ['g'],
    run: () => togglePanel('images'),
  },
  side: {
    group: 'Images',
    label: 'Panel of masks, filter and view',
    keys: ['shift+g'],
    run: () => togglePanel('side'),
  },
  help: {
    group: 'Images',
    label: 'Keyboard shortcuts',
    keys: ['?'],
    run: () => void (helpOpen.value = !helpOpen.value),
  },
} satisfies Record<string, Command>

function showSelected(open: ImageSession): void {
  const { chosen } = open
  if (!chosen.length) return notify('note', 'Select the masks to centre first.')
  const rects = chosen.map(({ mask }) => maskRegion(mask))
  open.viewport.show({
    left: Math.min(...rects.map((r) => r.left)),
    top: Math.min(...rects.map((r) => r.top)),
    right: Math.max(...rects.map((r) => r.right)),
    bottom: Math.max(...rects.map((r) => r.bottom)),
  })
}

const shownKeys: Record<string, string> = {
  arrowdown: '↓',
  arrowup: '↑',
  pagedown: 'Page Down',
  pageup: 'Page Up',
  delete: 'Del',
  escape: 'Esc',
  backspace: 'Backspace',
}

/** A key as printed on keyboards. */
export const keyText = (key: string) =>
  key
    .split(/\+(?!$)/)
    .map((part) => shownKeys[part] ?? (part.length > 1 ? part[0].toUpperCase() + part.slice(1) : part.toUpperCase()))
    .join('+')

/** For a button's title. */
export const titleOf = ({ label, keys }: Command) => `${label} (${keyText(keys[0])})`
