/** @file What the measurements of the adapter in use say against it: repeated wherever a person decides to use it. */
import { model } from '../state/studio'

export function AdapterWarnings() {
  const warnings = model.value?.adapter?.warnings ?? []
  return (
    <>
      {warnings.map((line) => (
        <p class="warn">Warning: {line}.</p>
      ))}
    </>
  )
}
