/** @file Everything frequent, with its keys: what the keyboard runs, the buttons' titles and the help sheet say. */
import { signal } from '@preact/signals'
import { messageOf } from '../../host/errors'
import { api } from './api'
import { fillSelected, mergeSelected, removeSelected, splitSelected } from './edits'
import type { ExportReply } from '../protocol'
import { allSent, link, neighbour, openImage, refresh, session } from './state/app'
import { tell } from './state/notices'
import { brush, coverage, hidden, imagesOpen, numbers, style } from './state/prefs'
import { maskRegion } from '../../../engine/masks/mask'
import { ordered } from './state/order'
import type { ImageSession } from './state/image-session'
import { take, toolName, tools } from './tools'
import type { ToolName } from './tools/tool'

export const helpOpen = signal(false)
export const exported = signal<ExportReply | null>(null)
export const exporting = signal(false)

export interface Command {
  group: string
  label: string
  /** As KeyboardEvent.key has them, small letters, with ctrl+ and shift+ before them. */
  keys: string[]
  run(): void
}

const withSession = (run: (session: ImageSession) => void) => () => {
  const open = session.value
  if (open) run(open)
}

export async function accept(open: ImageSession): Promise<void> {
  if (open.state.value === 'accepted') return open.setState('in review')
  open.setState('accepted')
  const next = neighbour(1)
  if (next) await openImage(next)
  else tell('note', 'Accepted. This was the last image: export makes the dataset.')
}

export async function runExport(): Promise<void> {
  if (link.value === 'offline') return tell('error', 'The server does not answer: the export has to wait for it.')
  exporting.value = true
  try {
    await allSent()
    exported.value = await api.export()
    await refresh()
  } catch (error) {
    tell('error', `The export failed: ${messageOf(error)}`)
  } finally {
    exporting.value = false
  }
}

/** In the index, of the mask that was gone to last. */
let lastPlace = 0

/** Selects the next mask of the index and shows it. */
function step(open: ImageSession, by: 1 | -1): void {
  const list = ordered.value
  if (!list.length) return
  const at = list.findIndex(({ id }) => open.selection.value.has(id))
  // where the last one was removed, the next has taken its place
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
  run: () => take(name),
})

const resize = (factor: number) => {
  brush.value = Math.min(200, Math.max(0.5, Math.round(brush.value * factor * 2) / 2 + (factor > 1 ? 0.5 : -0.5)))
}

const open = (by: 1 | -1) => {
  const name = neighbour(by)
  if (name) void openImage(name)
  else tell('note', by > 0 ? 'This is the last image.' : 'This is the first image.')
}

export const commands = {
  select: tool('select', 'v', 'Select: click, Shift or Ctrl and click, drag a box, Alt and click for what lies below'),
  prompt: tool('prompt', 'p', 'Point or box: the model draws the mask'),
  brush: tool('brush', 'b', 'Brush: extends the selected mask, or begins a new one'),
  erase: tool('erase', 'e', 'Eraser'),
  lasso: tool('lasso', 'l', 'Lasso: a new mask; drag around it or click its corners'),
  redraw: tool('redraw', 'r', 'Redraw: the lasso replaces the selected mask'),
  cut: tool('cut', 'k', 'Knife: a line across a mask splits it'),
  pan: tool('pan', 'h', 'Hand: move the view (Space and drag, middle button)'),
  smaller: { group: 'Tools', label: 'Smaller brush', keys: ['['], run: () => resize(1 / 1.2) },
  larger: { group: 'Tools', label: 'Larger brush (also Alt and the wheel)', keys: [']'], run: () => resize(1.2) },

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
    run: withSession((s) => void (s.undo() || tell('note', 'There is nothing to undo.'))),
  },
  redo: {
    group: 'Edit',
    label: 'Redo',
    keys: ['ctrl+shift+z', 'ctrl+y'],
    run: withSession((s) => void (s.redo() || tell('note', 'There is nothing to redo.'))),
  },

  all: { group: 'Select', label: 'Select all', keys: ['ctrl+a'], run: withSession((s) => s.select(s.shapes.keys())) },
  none: {
    group: 'Select',
    label: 'Cancel what was begun, or select nothing',
    keys: ['escape'],
    run: withSession((s) => void (tools[toolName.value].cancel?.() || s.select([]))),
  },
  next: {
    group: 'Select',
    label: 'Next mask of the list',
    keys: ['arrowdown', 'j'],
    run: withSession((s) => step(s, 1)),
  },
  previous: {
    group: 'Select',
    label: 'Previous mask of the list',
    keys: ['arrowup', 'i'],
    run: withSession((s) => step(s, -1)),
  },

  take: {
    group: 'Model',
    label: 'Take the mask that the model shows (also ends a lasso)',
    keys: ['enter'],
    run: withSession((s) => void tools[toolName.value].finish?.(s, false)),
  },
  replace: {
    group: 'Model',
    label: 'Take it in place of the selected masks',
    keys: ['shift+enter'],
    run: withSession((s) => void tools[toolName.value].finish?.(s, true)),
  },
  cycle: {
    group: 'Model',
    label: 'Another of its answers',
    keys: ['tab'],
    run: () => void tools[toolName.value].cycle?.(),
  },

  hide: { group: 'View', label: 'Hide or show masks', keys: ['q'], run: () => void (hidden.value = !hidden.value) },
  style: {
    group: 'View',
    label: 'Outlines or filled',
    keys: ['o'],
    run: () => void (style.value = style.value === 'fill' ? 'outline' : 'fill'),
  },
  numbers: { group: 'View', label: 'Numbers', keys: ['n'], run: () => void (numbers.value = !numbers.value) },
  coverage: {
    group: 'View',
    label: 'Show what no mask covers',
    keys: ['u'],
    run: () => void (coverage.value = !coverage.value),
  },
  fit: { group: 'View', label: 'Whole image', keys: ['0'], run: withSession((s) => s.viewport.fit()) },
  actual: { group: 'View', label: '100 %', keys: ['1'], run: withSession((s) => s.viewport.zoom(1)) },
  closer: {
    group: 'View',
    label: 'Closer (wheel)',
    keys: ['+', '='],
    run: withSession((s) => s.viewport.zoom(s.viewport.view.value.scale * 1.5)),
  },
  further: {
    group: 'View',
    label: 'Further away',
    keys: ['-'],
    run: withSession((s) => s.viewport.zoom(s.viewport.view.value.scale / 1.5)),
  },
  centre: { group: 'View', label: 'Show the selected masks', keys: ['c'], run: withSession(showSelected) },

  nextImage: { group: 'Images', label: 'Next image', keys: ['pagedown', '.'], run: () => open(1) },
  previousImage: { group: 'Images', label: 'Previous image', keys: ['pageup', ','], run: () => open(-1) },
  accept: {
    group: 'Images',
    label: 'Accept and go on; take an acceptance back',
    keys: ['shift+a', 'ctrl+enter'],
    run: withSession((s) => void accept(s)),
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
    run: () => void (imagesOpen.value = !imagesOpen.value),
  },
  help: { group: 'Images', label: 'This sheet', keys: ['?'], run: () => void (helpOpen.value = !helpOpen.value) },
} satisfies Record<string, Command>

function showSelected(open: ImageSession): void {
  const { chosen } = open
  if (!chosen.length) return tell('note', 'Select a mask to show first.')
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

/** A key as people know it. */
export const keyText = (key: string) =>
  key
    .split(/\+(?!$)/)
    .map((part) => shownKeys[part] ?? (part.length > 1 ? part[0].toUpperCase() + part.slice(1) : part.toUpperCase()))
    .join('+')

/** For a button's title. */
export const titleOf = ({ label, keys }: Command) => `${label} (${keyText(keys[0])})`
