/** @file The strength of an adapter in a run's report: the scores of every source with the base model and with the adapter. */
import { bestOf } from '../../../engine/finetune/selection'
import { escape } from '../../text/escape'
import { betterAtOwnSize } from '../../evaluation/adapter-warnings'
import { beginningOf } from '../../training/config'
import { percent } from '../evaluation-table'
import type { RunView } from './read-run'
import { tableHtml } from './size-distributions'

/** The section of a run; empty if no strength was chosen. */
export function strengthHtml({ profile: { strength }, validations, config }: RunView, heading: string): string {
  const folders = foldersHtml(validations, config ? beginningOf(config) : 'the base model')
  if (!strength) return folders ? `<h2>${escape(heading)}</h2>\n${folders}` : ''
  const { value, safe, sources, ownSize } = strength
  const seenInTiles = sources.some(({ used }) => used !== undefined)
  const [rival, heads] = [ownSize !== undefined, sources.some(({ head }) => head !== undefined)]
  const rows = sources.map(({ name, foreign, images, base, adapter: whole, own, used: adapter = whole, head }) => [
    name,
    foreign ? 'not trained on' : 'trained on others of its kind',
    String(images),
    ...[base.point, ...(rival ? [own?.point] : []), adapter.point, base.box, ...(rival ? [own?.box] : []), adapter.box]
      .concat(heads ? [head] : [])
      .map((score) => (score === undefined ? '–' : percent(score))),
  ])
  const columns = (prompts: string) => [
    `${prompts}: base`,
    ...(rival ? [`${prompts}: base at ${ownSize}`] : []),
    `${prompts}: adapter${seenInTiles ? ', as it is used' : ''}`,
  ]
  const head = ['', '', 'images', ...columns('points'), ...columns('boxes'), ...(heads ? ['prompt head: F1'] : [])]
  const text = safe
    ? `The adapter is stored with strength ${value}: of the strengths tried, the best with which no source is worse than with the base model.`
    : `Warning: at every strength some source is worse than with the base model. The least harmful strength, ${value}, is stored. Use the base model on such images, or train on some of them.`
  return `<h2>${escape(heading)}</h2>
<p>${escape(text)}</p>
${tableHtml(head, rows)}
${betterAtOwnSize(strength)
  .map((line) => `<p>${escape(line)}</p>`)
  .join('\n')}
<p class="note">Scores in percent: the mean of the Dice of whole images and of single instances.</p>
${folders}`
}

/** The scores of the run's folders before the first step and in the best validation; empty if there is one folder. */
function foldersHtml(validations: RunView['validations'], beginning: string): string {
  const base = validations.find(({ step }) => step === 0)
  const trained = validations.filter(({ step, sources }) => step > 0 && sources)
  if (!trained.length) return ''
  const best = bestOf(trained)!
  const rows = Object.entries(best.sources!).map(([name, score]) => {
    const before = base?.sources?.[name]
    return [name, before === undefined ? '–' : percent(before), percent(score)]
  })
  return `<p>The validation images by folder, mean score over points and boxes in percent:</p>
${tableHtml(['', beginning, 'best validation'], rows)}`
}
