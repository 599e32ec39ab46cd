/** @file The review page's parts together. The back end's log is the only source of truth: every edit is sent to it at once. */
import { signal } from '@preact/signals'
import './style.css'
import './home-jobs.css'
import { messageOf } from '../../host/errors'
import { Editor } from './canvas/editor'
import { listen } from './keys'
import { Ask } from './panels/ask'
import { Bottom } from './panels/bottom'
import { ClassesDialog } from './panels/classes'
import { CommentDialog } from './panels/comment'
import { CrosshairStatus } from './panels/crosshair-status'
import { Exported } from './panels/exported'
import { Help } from './panels/help'
import { Icon } from './panels/icons'
import { Images } from './panels/images'
import { Look } from './panels/look'
import { Masks } from './panels/masks'
import { Menu } from './panels/menu'
import { Similar } from './panels/similar'
import { Sliders } from './panels/sliders'
import { Splitter } from './panels/splitter'
import { listenForTooltips, Tooltip } from './panels/tooltip'
import { Toolbar } from './panels/toolbar'
import { Top } from './panels/top'
import { connected, current, listed, problem, session } from './state/app'
import { dismiss, notices, notify } from './state/notices'
import { surroundings } from './surroundings'
import { drawer, imagesShown, narrow, sideShown } from './state/panels'

const tabs = { masks: 'Masks', filter: 'Filter', look: 'View' } as const
const tab = signal<keyof typeof tabs>('masks')

function Side() {
  const open = session.value
  return (
    <aside class="side" aria-label="Masks, filter and view">
      {!narrow.value && <Splitter panel="side" />}
      <div class="tabs" role="tablist">
        {(Object.keys(tabs) as (keyof typeof tabs)[]).map((name) => (
          <button type="button" role="tab" aria-selected={tab.value === name} onClick={() => (tab.value = name)}>
            {tabs[name]}
          </button>
        ))}
      </div>
      {open && <Similar />}
      {open && tab.value === 'masks' && <Masks session={open} />}
      {open && tab.value === 'filter' && <Sliders session={open} />}
      {open && tab.value === 'look' && <Look session={open} />}
    </aside>
  )
}

function Stage() {
  const open = session.value
  if (open) return <Editor key={open.name} session={open} />
  const text = problem.value
    ? `${current.value}: ${problem.value}`
    : !connected.value
      ? surroundings.unreachable
      : current.value || !listed.value
        ? 'Opening …'
        : surroundings.noImages
  return (
    <div class="stage">
      <p class={`instead${problem.value ? ' bad' : ''}`} role="status">
        {text}
      </p>
    </div>
  )
}

/** Short messages, above everything else. */
export function Notices() {
  return (
    <div class="notices" role="alert">
      {notices.value.map(({ id, kind, text }) => (
        <p key={id} class={kind}>
          {text}
          <button type="button" class="square" aria-label="Close" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </div>
  )
}

/** Everything that the page shows: the top bar, the panels with the canvas, the status bar, and what lies above them. */
export function App() {
  return (
    <>
      <Top />
      <main class={`${imagesShown.value ? '' : 'no-images'} ${sideShown.value ? '' : 'no-side'}`}>
        {imagesShown.value && <Images />}
        <Toolbar />
        <Stage />
        {sideShown.value && <Side />}
        {drawer.value && <div class="curtain" aria-hidden="true" onPointerDown={() => (drawer.value = null)} />}
      </main>
      <Bottom />
      <Notices />
      <Help />
      <Exported />
      <Menu />
      <ClassesDialog />
      <CommentDialog />
      <Tooltip />
      <Ask />
      <CrosshairStatus />
    </>
  )
}

/** Listens for keys and for faults; once, before the page is shown. */
export function listenToPage(): void {
  addEventListener('error', ({ message }) =>
    notify('error', `Error in the page: ${message}. Saved edits are not affected.`),
  )
  addEventListener('unhandledrejection', ({ reason }) => notify('error', `Error in the page: ${messageOf(reason)}`))
  listen()
  listenForTooltips()
}
