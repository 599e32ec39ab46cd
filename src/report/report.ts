/** @file The report of an evaluation, and of the training run before it: one HTML file that needs nothing else. */
import { duration } from '../host/progress'
import type { Comparison } from '../evaluation/compare'
import { curves } from './curves'
import { escape } from './escape'
import type { Figure } from './figures'
import type { Hardware } from './hardware'
import type { ReportedRun } from './run'
import { style } from './style'
import { comparisonRows, measureNames, measures, percent } from './table'

export interface Report {
  title: string
  /** A sentence or two on what this is. */
  about: string
  comparison: Comparison
  figures: Figure[]
  /** What was evaluated on what, in rows of name and text. */
  facts: [string, string][]
  run: ReportedRun | null
  hardware: Hardware
  /** The commands that repeat it. */
  commands: string[]
}

export function renderReport(report: Report): string {
  const { title, about, comparison, figures, facts, run, hardware, commands } = report
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="wgsam">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<p class="soft">${escape(about)}</p>
${tiles(comparison, run)}
<h2>Scores</h2>
${scores(comparison)}
${run ? `<h2>Training</h2>\n${curves(run)}` : ''}
${examples(figures, comparison)}
<h2>How it was done</h2>
<table class="facts">${[...facts, ...runFacts(run), ...hardwareFacts(hardware)].map(fact).join('')}</table>
<h2>To repeat it</h2>
<pre>${escape(commands.join('\n'))}</pre>
${run ? `<details><summary>The whole configuration</summary><pre>${escape(JSON.stringify(run.config, null, 2))}</pre></details>` : ''}
</main>
</body>
</html>
`
}

const fact = ([name, text]: [string, string]) => `<tr><th>${escape(name)}</th><td>${escape(text)}</td></tr>`
const promptName = { point: 'Point prompts', box: 'Box prompts' }

function tiles({ base, adapted }: Comparison, run: ReportedRun | null): string {
  const dice = base.map((before, i) => {
    const after = adapted?.[i]
    const values = after ? `${percent(before.dice)} → ${percent(after.dice)}` : percent(before.dice)
    const change = after ? `, ${percent(after.dice - before.dice, true)} points` : ''
    return `<div class="tile"><b>${values}</b><span>Dice in percent, ${promptName[before.prompt].toLowerCase()}${change}</span></div>`
  })
  const time =
    run && `<div class="tile"><b>${duration(run.seconds)}</b><span>of training, ${run.steps.length} steps</span></div>`
  return `<div class="tiles">${dice.join('')}${time ?? ''}</div>`
}

function scores(comparison: Comparison): string {
  const rows = comparisonRows(comparison).map(({ prompt, variant, values }) => {
    const name = { base: 'base model', adapted: 'adapted', change: 'change' }[variant]
    const cells = measureNames.map((measure) => {
      const value = values[measure]
      if (variant !== 'change') return `<td>${percent(value)}</td>`
      return `<td class="${value < 0 ? 'down' : 'up'}">${percent(value, true)}</td>`
    })
    return `<tr class="${variant}"><td>${variant === 'base' ? promptName[prompt] : ''}</td><td>${name}</td>${cells.join('')}</tr>`
  })
  const { instances, perImage } = comparison.base[0]
  return `<div class="scroll"><table><thead><tr><th>Prompt</th><th>Model</th>${Object.values(measures)
    .map((name) => `<th>${name}</th>`)
    .join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>
<p class="note">Percent, on ${perImage.length} images with ${instances} particles. Each particle is prompted once: by the
pixel furthest inside it, or by its box. Dice, mIoU and accuracy compare the union of the masks with the union of the
labels, image by image; the instance measures compare each mask with the one particle that was asked for.</p>`
}

function examples(figures: readonly Figure[], { adapted }: Comparison): string {
  if (!figures.length) return ''
  const by = promptName[figures[0].prompt].toLowerCase()
  const list = figures.map(({ id, rank, size, instances, scores, pictures }) => {
    const dice = (['base', 'adapted'] as const)
      .filter((variant) => scores[variant])
      .map((variant) => {
        const { dice, instanceDice } = scores[variant]!
        return `${variant}: Dice ${percent(dice)}, instance Dice ${percent(instanceDice)}`
      })
    const about = [`${size.width} × ${size.height} pixels`, `${instances} particles`, ...dice].join(' · ')
    const shown = pictures.map(({ caption, uri }) => {
      const name = escape(`${caption}, ${id}`)
      return `<figure><img src="${uri}" alt="${name}"><figcaption>${escape(caption)}</figcaption></figure>`
    })
    return `<section class="example"><h3>${rank[0].toUpperCase()}${rank.slice(1)}: ${escape(id)} <span>${escape(about)}</span></h3>
<div class="pictures">${shown.join('')}</div></section>`
  })
  return `<h2>Examples</h2>
<p>The worst, the median and the best image by the Dice of the ${adapted ? 'adapted' : 'base'} model’s masks, ${by}.</p>
<ul class="legend"><li><i class="truth"></i>labels</li><li><i class="predicted"></i>predicted masks</li>
<li><i class="missed"></i>particle missed</li><li><i class="beyond"></i>ground taken for a particle</li>
<li><i class="mistaken"></i>one particle taken for another</li></ul>
${list.join('\n')}`
}

function runFacts(run: ReportedRun | null): [string, string][] {
  if (!run) return []
  const { config, steps, seconds } = run
  const { lora, optimizer, schedule, prompts, loss } = config
  const last = steps.at(-1)
  const mix = (['point', 'box', 'both'] as const).map((kind) => `${kind} ${prompts[kind]}`).join(', ')
  return [
    [
      'Adapter',
      `LoRA of rank ${lora.rank}, alpha ${lora.alpha ?? lora.rank}${lora.rslora ? ', rsLoRA' : ''}, on ${lora.targets.join(', ')}`,
    ],
    [
      'Optimiser',
      `${optimizer.algorithm}, learning rate ${optimizer.learningRate} (${schedule.kind}), weight decay ${optimizer.weightDecay}, gradients to ${optimizer.maxNorm}`,
    ],
    ['Loss', `Dice × ${loss.dice} + cross-entropy × ${loss.bce} + IoU head’s error × ${loss.iou}`],
    ['Prompts', `${prompts.count} an image and step, shares: ${mix}`],
    [
      'Run',
      `${last?.step ?? 0} steps of ${config.batch} images at ${config.size} × ${config.size}, ${(last?.epoch ?? 0).toFixed(1)} epochs in ${duration(seconds)}, seed ${config.seed}`,
    ],
  ]
}

const hardwareFacts = ({ adapter, driver, software, processor, system, versions }: Hardware): [string, string][] => [
  ['GPU adapter', [adapter + (software ? ' (software, on the processor)' : ''), driver].filter(Boolean).join('; ')],
  ['Machine', `${processor}; ${system}`],
  ['Software', versions],
]
