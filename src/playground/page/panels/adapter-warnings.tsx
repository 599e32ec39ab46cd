/** @file What the measurements of the adapter in use, or of the model that one was merged into, say against it: repeated wherever a person decides to use it. */
import { finder } from '../state/studio'

export function AdapterWarnings() {
  const warnings = finder()?.warnings ?? []
  return (
    <>
      {warnings.map((line) => (
        <p class="warn">Warning: {line}.</p>
      ))}
    </>
  )
}
