/** @file The script of the live page: polls for updates, and says if the server no longer answers. */

/** Milliseconds between two polls; a hidden page polls less often. */
export const POLL_INTERVAL = 2_000

export const script = `'use strict'
const live = document.getElementById('live')
const note = document.getElementById('note')
let version = live.dataset.version
const details = () => [...live.querySelectorAll('details')]
async function poll() {
  try {
    const reply = await fetch('live?version=' + encodeURIComponent(version), { cache: 'no-store' })
    if (!reply.ok) throw new Error(String(reply.status))
    const update = await reply.json()
    if (update.html !== null) {
      const open = details().map((one) => one.open)
      live.innerHTML = update.html
      details().forEach((one, i) => { one.open = open[i] ?? false })
      version = update.version
    }
    note.textContent = update.note
    if (update.ended) return
  } catch {
    note.textContent = 'No answer: the program that serves this page has ended. This is the last known state of the run.'
  }
  setTimeout(poll, document.hidden ? ${5 * POLL_INTERVAL} : ${POLL_INTERVAL})
}
setTimeout(poll, ${POLL_INTERVAL})
`
