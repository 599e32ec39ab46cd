/** @file What the live page does: asks for what is new, and says when nobody answers. */

/** Between two questions, milliseconds; a page that nobody sees asks more rarely. */
export const LOOK_EVERY = 2_000

export const script = `'use strict'
const live = document.getElementById('live')
const note = document.getElementById('note')
let version = live.dataset.version
const details = () => [...live.querySelectorAll('details')]
async function look() {
  try {
    const reply = await fetch('live?version=' + encodeURIComponent(version), { cache: 'no-store' })
    if (!reply.ok) throw new Error(String(reply.status))
    const news = await reply.json()
    if (news.html !== null) {
      const open = details().map((one) => one.open)
      live.innerHTML = news.html
      details().forEach((one, i) => { one.open = open[i] ?? false })
      version = news.version
    }
    note.textContent = news.note
    if (news.ended) return
  } catch {
    note.textContent = 'Nobody answers: the run has ended or was stopped, and this is the last that was seen of it.'
  }
  setTimeout(look, document.hidden ? ${5 * LOOK_EVERY} : ${LOOK_EVERY})
}
setTimeout(look, ${LOOK_EVERY})
`
