/** @file The dialog of something that did not work, with what to do about it. */
import { trouble } from '../state/job'
import { Sheet } from './sheet'

/** A text in which addresses can be clicked: a person fetches by hand what the page could not. */
const WithLinks = ({ text }: { text: string }) => (
  <>
    {text.split(/(https?:\/\/\S+?)(?=:?(?:\s|$))/).map((part) =>
      /^https?:/.test(part) ? (
        <a href={part} target="_blank" rel="noopener">
          {part}
        </a>
      ) : (
        part
      ),
    )}
  </>
)

export function Trouble() {
  const now = trouble.value
  if (!now) return null
  return (
    <Sheet title={now.title} close={() => (trouble.value = null)}>
      <p>
        <WithLinks text={now.text} />
      </p>
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
