/** @file The report of a run that goes on, drawn again when its files have changed, but never so often that training feels it. */
import { createHash } from 'node:crypto'
import { duration } from '../host/progress'
import { escape } from '../text/escape'
import { type Page, page } from '../drawing/html-page'
import { type RunView, RunReader } from '../report/run/read-run'
import { renderRunReport } from '../report/run/run-report'

/** Drawing takes at most this share of the time, and happens at most once in so many milliseconds. */
const SHARE = 1 / 50
const LEAST = 1_000

interface Drawn {
  /** Changes when the page does. */
  version: string
  page: Page
  html: string
  note: string
}

export class LivePage {
  private readonly reader: RunReader
  private drawn: Drawn | null = null
  private drawing: Promise<Drawn> | null = null
  private due = 0

  constructor(
    root: string,
    name: string,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.reader = new RunReader(root, name)
  }

  /** As the run was a moment ago; `fresh` looks at its files whatever that costs. */
  async get(fresh = false): Promise<Drawn> {
    if (this.drawing) {
      const drawn = await this.drawing
      if (!fresh) return drawn
    }
    if (this.drawn && !fresh && this.now() < this.due) return this.drawn
    // one after the other: two readers at once would read the same lines twice
    this.drawing ??= this.draw().finally(() => (this.drawing = null))
    return this.drawing
  }

  private async draw(): Promise<Drawn> {
    const began = this.now()
    const run = await this.reader.read()
    const parts = renderRunReport({ runs: [run], evaluations: [], measured: null, command: null })
    const html = `<h1>${escape(parts.title)}</h1>\n<p class="soft">${escape(parts.about)}</p>\n${parts.body}`
    const version = createHash('sha256').update(html).digest('hex').slice(0, 16)
    this.drawn = { version, page: parts, html, note: noteOf(run) }
    const took = this.now() - began
    this.due = this.now() + Math.max(LEAST, took / SHARE)
    return this.drawn
  }

  /** The whole page, with the script that keeps it up to date. */
  static whole({ page: { title, css }, html, note, version }: Drawn): string {
    const live = `<div id="live" data-version="${version}">${html}</div>`
    const body = `${live}\n<script src="watch.js"></script>`
    // its own heading is within what is exchanged
    return page({
      title,
      heading: '',
      about: '',
      css: `${css ?? ''} main > h1:empty { display: none; }`,
      body,
    }).replace(
      /<h1><\/h1>\s*<p class="soft"><\/p>/,
      () => `<p class="soft" id="note" role="status">${escape(note)}</p>`,
    )
  }
}

/** How far the run is and how long the rest will take, by the pace of its latest steps. */
function noteOf({ steps, total }: RunView): string {
  const last = steps.at(-1)
  if (!last) return 'Live. The run has not made a step yet.'
  const before = steps[Math.max(0, steps.length - 50)]
  const pace = last.step > before.step ? (last.time.seconds - before.time.seconds) / (last.step - before.step) : NaN
  const left = total === null ? NaN : pace * (total - last.step)
  const rest = Number.isFinite(left) && left > 0 ? `, about ${duration(left)} left` : ''
  return `Live. Step ${last.step}${total === null ? '' : ` of ${total}`}${rest}.`
}
