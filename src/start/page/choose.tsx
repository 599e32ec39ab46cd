/** @file The choice of a folder: a list of folders of the server's machine, or a typed path. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { FolderList } from '../protocol'
import { choosing, folders, home, openFolder } from './state'
import { count } from '../../text/count'

const list = signal<FolderList | null>(null)
const typed = signal('')
const busy = signal(false)

const show = async (path: string | null) => {
  const found = await folders(path)
  if (!found) return
  list.value = found
  typed.value = found.path
}

/** Begins beside the folder that is open, if its place can be listed. */
const begin = async () => {
  const images = home.value?.project?.images
  if (images !== undefined) await show(images)
  if (!list.value) await show(null)
}

const open = async (path: string) => {
  busy.value = true
  await openFolder(path)
  busy.value = false
}

export function Choose() {
  useEffect(() => void begin(), [])
  const at = list.value
  const usable = at && (at.images > 0 || at.project)
  return (
    <main class="choose">
      <h1>Which images?</h1>
      <p class="soft">
        Choose a folder with micrographs. Nothing in it is changed: results are written to a new folder beside it, whose
        name ends in <code>-wgsam</code>. A folder that wgsam has made can be chosen too.
      </p>
      <form
        class="typed"
        onSubmit={(event) => {
          event.preventDefault()
          void open(typed.value)
        }}
      >
        <input
          type="text"
          aria-label="Path of a folder"
          spellcheck={false}
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy.value || !typed.value}>
          {busy.value ? 'Opening …' : 'Use this folder'}
        </button>
        {choosing.value && (
          <button type="button" onClick={() => (choosing.value = false)}>
            Cancel
          </button>
        )}
      </form>
      {at && (
        <section class="browser" aria-label="Folders">
          <nav>
            {at.places.map(({ name, path }) => (
              <button type="button" key={path} onClick={() => void show(path)}>
                {name}
              </button>
            ))}
            <button type="button" disabled={at.parent === null} onClick={() => void show(at.parent)}>
              Up
            </button>
          </nav>
          <p class={usable ? 'found' : 'soft'} role="status">
            {at.project ? 'This is a project of wgsam. ' : ''}
            {at.images ? `${count(at.images, 'image')} in this folder.` : at.project ? '' : 'No images in this folder.'}
          </p>
          <ul>
            {at.folders.map(({ name, path }) => (
              <li key={path}>
                <button type="button" class="folder-line" onClick={() => void show(path)}>
                  {name}
                </button>
              </li>
            ))}
            {!at.folders.length && <li class="soft">No further folders.</li>}
          </ul>
        </section>
      )}
    </main>
  )
}
