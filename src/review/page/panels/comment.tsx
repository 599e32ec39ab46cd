/** @file The dialog in which a comment on masks, or on the image, is written. */
import { useEffect, useRef } from 'preact/hooks'
import { maxComment } from '../../../project/review/mask-marks'
import { messageOf } from '../../../host/errors'
import { commenting } from '../marks'
import { count, session } from '../state/app'
import { notify } from '../state/notices'

export function CommentDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  const text = useRef<HTMLTextAreaElement>(null)
  const now = commenting.value
  useEffect(() => {
    if (!now) return
    dialog.current?.showModal()
    text.current?.select()
  }, [now])
  if (!now) return null
  const { session: of, ids } = now
  const known = ids.length ? [...new Set(ids.map((id) => of.marksOf(id).comment))] : [of.document.comment]
  const before = known.length === 1 ? known[0] : ''
  const save = (event: Event) => {
    event.preventDefault()
    const comment = text.current!.value.trim()
    commenting.value = null
    if (comment === before || session.value !== of) return
    try {
      of.mark({ ids, comment })
    } catch (error) {
      notify('error', messageOf(error))
    }
  }
  const what = ids.length === 1 ? `mask ${ids[0]}` : ids.length ? count(ids.length, 'mask') : 'the image'
  return (
    <dialog ref={dialog} class="comment" aria-label={`Comment on ${what}`} onClose={() => (commenting.value = null)}>
      <form onSubmit={save}>
        <h2>Comment on {what}</h2>
        <textarea
          ref={text}
          rows={4}
          maxLength={maxComment}
          aria-label="Comment"
          defaultValue={before}
          onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === 'Enter' && save(event)}
        />
        <div class="row">
          <button type="submit" class="primary">
            Save
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  )
}
