/** @file The dialog of a question. */
import { useEffect, useRef } from 'preact/hooks'
import { question } from '../state/ask'

export function Ask() {
  const dialog = useRef<HTMLDialogElement>(null)
  const asked = question.value
  useEffect(() => {
    if (asked && !dialog.current?.open) dialog.current?.showModal()
  }, [asked])
  if (!asked) return null
  return (
    <dialog
      ref={dialog}
      class="exported"
      aria-labelledby="ask-title"
      aria-describedby="ask-text"
      onCancel={(event) => {
        event.preventDefault()
        asked.resolve(null)
      }}
    >
      <h2 id="ask-title">{asked.title}</h2>
      <p id="ask-text">{asked.text}</p>
      <div class="row">
        {asked.answers.map((answer, i) => (
          <button
            key={answer}
            type="button"
            class={i ? '' : 'primary'}
            autofocus={!i}
            onClick={() => asked.resolve(answer)}
          >
            {answer}
          </button>
        ))}
      </div>
    </dialog>
  )
}
