/** @file The report of a run in progress, rendered again as its files change, but rarely enough not to slow training down. */
import { createHash } from 'node:crypto'
import { duration } from '../host/progress'
import { escape } from '../text/escape'
import { type Page, page } from '../drawing/html-page'
import { isTraining } from '../training/run-folder'
import { type RunView, RunReader } from '../report/run/read-run'
import { isComplete, renderRunReport } from '../report/run/run-report'

/** Rendering takes at most this fraction of the time. */
const MAX_LOAD = 1 / 50
/** Minimum milliseconds between two renderings. */
const MIN_INTERVAL = 1_000

interface RenderedReport {
  /** A hash of the content. */
  version: string
  page: Page
  /** The content of the page's body. */
  html: string
  /** Progress and remaining time. */
  note: string
}

export class LivePage {
  private readonly reader: RunReader
  private rendered: RenderedReport | null = null
  private rendering: Promise<RenderedReport> | null = null
  private due = 0

  constructor(
    root: string,
    name: string,
    private readonly now: () => number = () => performance.now(),
    /** Whether the run is being trained; by default the lock of its folder says so. */
    private readonly running: () => boolean = () => isTraining({ root }),
  ) {
    this.reader = new RunReader(root, name)
  }

  /** The report of the run as of a moment ago; `fresh`: as of now, however recent the last rendering is. */
  async get(fresh = false): Promise<RenderedReport> {
    if (this.rendering) {
      const rendered = await this.rendering
      if (!fresh) return rendered
    }
    if (this.rendered && !fresh && this.now() < this.due) return this.rendered
    // renderings must not overlap: the same lines would be read twice
    this.rendering ??= this.render().finally(() => (this.rendering = null))
    return this.rendering
  }

  private async render(): Promise<RenderedReport> {
    const began = this.now()
    const run = { ...(await this.reader.read()), running: this.running() }
    const parts = renderRunReport({ runs: [run], evaluations: [], measured: null, command: null })
    const html = `<h1>${escape(parts.title)}</h1>\n<p class="soft">${escape(parts.about)}</p>\n${parts.body}`
    const version = createHash('sha256').update(html).digest('hex').slice(0, 16)
    this.rendered = { version, page: parts, html, note: noteOf(run) }
    const took = this.now() - began
    this.due = this.now() + Math.max(MIN_INTERVAL, took / MAX_LOAD)
    return this.rendered
  }

  /** The complete HTML page, with the script that keeps it up to date. */
  static completePage({ page: { title, css }, html, note, version }: RenderedReport): string {
    const live = `<div id="live" data-version="${version}">${html}</div>`
    const body = `${live}\n<script src="watch.js"></script>`
    // the heading is in the part that the script replaces
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

/** Whether the run is in progress; then the current step, and the remaining time at the pace of the latest steps. */
function noteOf(run: RunView): string {
  const { steps, total, running } = run
  const last = steps.at(-1)
  if (!running) {
    if (isComplete(run)) return 'Finished.'
    return last
      ? `Interrupted after step ${last.step}: it does not run now.`
      : 'It does not run now, and has made no step.'
  }
  if (!last) return 'Running: the model is loaded and the base model measured; the first step follows.'
  if (isComplete(run)) return 'Running: all steps are done; strength and thresholds are being chosen.'
  const before = steps[Math.max(0, steps.length - 50)]
  const pace = last.step > before.step ? (last.time.seconds - before.time.seconds) / (last.step - before.step) : NaN
  const left = total === null ? NaN : pace * (total - last.step)
  const rest = Number.isFinite(left) && left > 0 ? `, about ${duration(left)} left` : ''
  return `Running: step ${last.step}${total === null ? '' : ` of ${total}`}${rest}.`
}
