/** @file The dialog after an export: a summary, and the command for training. */
import { useEffect, useRef } from 'preact/hooks'
import { exported } from '../commands'
import { count } from '../state/app'
import { notify } from '../state/notices'

export function Exported() {
  const dialog = useRef<HTMLDialogElement>(null)
  const reply = exported.value
  useEffect(() => {
    if (reply) dialog.current?.showModal()
  }, [reply])
  if (!reply) return null
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(reply.next)
      notify('note', 'Copied.')
    } catch {
      notify('note', 'The browser does not allow copying: select the line and copy it by hand.')
    }
  }
  return (
    <dialog ref={dialog} class="exported" aria-label="Export" onClose={() => (exported.value = null)}>
      <h2>Dataset exported</h2>
      <p>
        {count(reply.images, 'accepted image')} with {count(reply.masks, 'mask')} in <code>{reply.folder}</code>, with
        regions for ImageJ in <code>rois/</code>.
      </p>
      {reply.notes.length > 0 && (
        <ul>
          {reply.notes.slice(0, 20).map((note) => (
            <li>{note}</li>
          ))}
          {reply.notes.length > 20 && <li>and {reply.notes.length - 20} more</li>}
        </ul>
      )}
      <p>Train an adapter on this dataset:</p>
      <pre>{reply.next}</pre>
      <div class="row">
        <button type="button" class="primary" onClick={() => dialog.current?.close()}>
          Close
        </button>
        <button type="button" onClick={() => void copy()}>
          Copy command
        </button>
      </div>
    </dialog>
  )
}
