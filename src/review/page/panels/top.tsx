/** @file The top bar: the current image, undo and redo, save state, accept and export. */
import { commands, exporting } from '../commands'
import { count, current, images, link, neighbour, pending, retryAll, server, session } from '../state/app'
import { surroundings } from '../surroundings'
import { sideShown } from '../state/panels'
import { Button } from './button'

export function Top() {
  const open = session.value
  void open?.version.value
  const at = images.value.findIndex(({ info }) => info.name === current.value)
  const accepted = open?.state.value === 'accepted'
  const ready = images.value.filter(({ state }) => state === 'accepted').length
  return (
    <header class="top">
      <Button command={commands.images} icon="list" />
      <h1 class="brand" title={server.value?.folder}>
        {surroundings.title}
        {server.value?.annotator ? `: ${server.value.annotator}` : ''}
      </h1>
      <div class="group">
        <Button command={commands.previousImage} icon="previous" disabled={!neighbour(-1)} />
        <span class="where" title={current.value ?? ''}>
          <b>{current.value ?? ''}</b>
          {at >= 0 && <span class="soft">{` ${at + 1} / ${images.value.length}`}</span>}
        </span>
        <Button command={commands.nextImage} icon="next" disabled={!neighbour(1)} />
      </div>
      <div class="group">
        <Button command={commands.undo} icon="undo" disabled={!open?.document.canUndo} />
        <Button command={commands.redo} icon="redo" disabled={!open?.document.canRedo} />
      </div>
      <Saved />
      <span class="spring" />
      <Button command={commands.accept} icon="check" disabled={!open} class={accepted ? 'accepted' : 'primary'}>
        {accepted ? (
          <span>
            Accepted<span class="long">: next</span>
          </span>
        ) : (
          <span>
            Accept<span class="long"> image</span>
          </span>
        )}
      </Button>
      {accepted && <Button command={commands.withdraw}>Withdraw</Button>}
      <Button command={commands.export} icon="export" disabled={exporting.value || !ready}>
        <span class="long">{exporting.value ? 'Exporting …' : `Export ${ready || ''}`}</span>
      </Button>
      <Button command={commands.side} icon="panel" pressed={sideShown.value} />
      <Button command={commands.help} icon="help" />
    </header>
  )
}

function Saved() {
  const waiting = pending.value
  const texts = {
    saved: 'Saved',
    saving: waiting > 1 ? `Saving ${waiting}` : 'Saving',
    offline: waiting ? `Offline: ${count(waiting, 'edit')} waiting` : 'Offline',
  }
  const offline = link.value === 'offline'
  return (
    <span class={`link link-${link.value}`} role="status">
      <i aria-hidden="true" />
      <span class={link.value === 'offline' ? '' : 'long'}>{texts[link.value]}</span>
      {offline && (
        <button type="button" onClick={retryAll} title="Try to reach the server now">
          Retry
        </button>
      )}
    </span>
  )
}
