/** @file The dialog of something that did not work, with what to do about it. */
import { trouble } from '../state/job'
import { Sheet } from './sheet'

export function Trouble() {
  const now = trouble.value
  if (!now) return null
  return (
    <Sheet title={now.title} close={() => (trouble.value = null)}>
      <p>{now.text}</p>
      {now.advice.length > 0 && (
        <ul class="todo">
          {now.advice.map((line) => (
            <li>{line}</li>
          ))}
        </ul>
      )}
    </Sheet>
  )
}
