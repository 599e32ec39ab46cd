/** @file The commands that do the same in a terminal, with a button that copies them. */
import { useState } from 'preact/hooks'

export function Command({ lines, current }: { lines: readonly string[]; current?: number }) {
  const [copied, setCopied] = useState(false)
  if (!lines.length) return null
  const copy = async () => {
    // refused where the browser does not trust the page: the text can still be selected
    await navigator.clipboard.writeText(lines.join('\n')).then(
      () => setCopied(true),
      () => {},
    )
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <details class="command">
      <summary>In a terminal</summary>
      <div>
        <pre>
          {lines.map((line, i) => (
            <code key={line} class={i === current ? 'now' : ''}>
              {line}
              {'\n'}
            </code>
          ))}
        </pre>
        <button type="button" onClick={() => void copy()}>
          {copied ? 'Copied' : 'Copy'}
        </button>
      </div>
    </details>
  )
}
