/** @file The files of a training run, and configurations. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkGrid } from '../../../src/ablation/grid'
import { planFrom } from '../../../src/ablation/plan'
import { readSplit } from '../../../src/dataset/split'
import { page } from '../../../src/drawing/html-page'
import { evaluationHtml, readEvaluation } from '../../../src/report/run/evaluation-tables'
import { readRunView } from '../../../src/report/run/read-run'
import { renderRunReport } from '../../../src/report/run/run-report'
import { measuredHtml, readMeasured } from '../../../src/report/run/size-distributions'
import { MetricsFile, readMetrics } from '../../../src/tracking/metrics-file'
import { JsonlSink } from '../../../src/tracking/jsonl-sink'
import { CHECKPOINT, CHECKPOINT_VERSION, readCheckpoint, writeCheckpoint } from '../../../src/training/checkpoint-file'
import { checkConfig, readConfigFile } from '../../../src/training/config'
import { runFolder } from '../../../src/training/run-folder'
import { checkInputs } from '../../../src/training/run-inputs'
import { generatorGoldens } from '../../../src/verify/reference-generator'
import { evaluationFile } from '../../support/evaluation-file'
import { square } from '../../support/review'
import { makeRun } from '../../support/runs'
import { temporary } from '../../support/toy-training'
import type { Reader } from '../reader'

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const config = {
  ...{ data: ['particles'], batch: 2, epochs: 5, seed: 3, size: 512 },
  lora: { rank: 4, targets: ['q', 'v'], alpha: 8 },
  optimizer: { learningRate: 1e-3 },
  prompts: { count: 4, point: 1, box: 1 },
  validation: { every: 2 },
}

/** The bytes of a checkpoint of two parameters. */
async function checkpoint(): Promise<Uint8Array> {
  const folder = await temporary()
  const tensor = (shape: number[], scale: number) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i + 1) * scale)
  const parameter = (name: string, shape: number[]) => ({
    ...{ name, shape, values: tensor(shape, 0.5) },
    ...{ m: tensor(shape, 1e-3), v: tensor(shape, 1e-6), average: tensor(shape, 0.25) },
  })
  await writeCheckpoint(folder, {
    parameters: [parameter('a', [2, 3]), parameter('b', [4])],
    progress: {
      ...{ version: CHECKPOINT_VERSION, config: 'c', images: 'i', step: 22, validated: 20 },
      data: { sampler: { epoch: 1, position: 3, order: [2, 0, 1, 3], rng: [1, 2, 3, 4] }, rng: [5, 6, 7, 8] },
      ...{ base: 0.5, best: { epoch: 1, step: 20, score: 0.7 }, waiting: 0, ending: null },
      ...{ loss: 0.25, skipped: 0, seconds: 12.5 },
    },
  })
  return readFileSync(join(folder, CHECKPOINT))
}

/** The length of a report. @throws TypeError if text of a file became markup of it */
function safe(html: string): number {
  if (html.includes('<x-fuzz')) throw new TypeError('text of a file became markup of the report')
  return html.length
}

/** A file of a run's folder that the report reads, in a run that is sound otherwise. */
const ofRun = (file: string, seeds?: () => Uint8Array[]): Reader => ({
  name: `run-${file.replace(/[/.]/g, '-')}`,
  file,
  seeds: seeds ?? (() => [readFileSync(join(makeRun(), file))]),
  prepare: (folder) => {
    const sound = makeRun()
    for (const name of ['config.json', 'split.json', 'metrics.jsonl'])
      writeFileSync(join(folder, name), readFileSync(join(sound, name)))
    mkdirSync(join(folder, 'pictures'), { recursive: true })
    mkdirSync(join(folder, 'best'), { recursive: true })
  },
  read: async (_, folder) => {
    const view = await readRunView(folder, 'run')
    const html = page(renderRunReport({ runs: [view], evaluations: [], measured: null, command: 'wgsam report' }))
    return safe(html)
  },
})

const score = { dice: 0.7, instanceDice: 0.6 }
const ablation = {
  ...{ version: 1, finished: true, measured: { part: 'test', images: ['a', 'b'] } },
  rivals: [{ name: 'base', size: 512, scores: { point: score, box: score } }],
  cells: [1, 2, 4, 8].map((images) => ({
    ...{ group: `n${images}_r4`, seed: 0, images },
    result: { scores: { point: { dice: 0.7 + images / 100, instanceDice: 0.6 }, box: score } },
  })),
}
const golden = {
  ...{ image: 'a.png', size: [48, 64], params: { points_per_side: 4 }, input: 96 },
  records: [
    {
      segmentation: square(1, 1, 5),
      ...{ area: 25, bbox: [1, 1, 5, 5], predicted_iou: 0.9, stability_score: 0.9 },
      ...{ point_coords: [[3, 3]], crop_box: [0, 0, 64, 48] },
    },
  ],
}
const hardware = { adapter: 'a', driver: 'd', software: true, processor: 'p', system: 's', versions: 'v' }
const estimate = { value: 1.5, low: 1, high: 2 }
const weighted = {
  effective: 40,
  figures: { d10: estimate, d50: estimate, d90: estimate },
  curve: { edges: [1, 2, 4], shares: [estimate, estimate], below: [estimate, estimate, estimate] },
}
const measured = {
  ...{ version: 1, unit: 'um', scale: 'log', command: 'wgsam measure' },
  options: { diameter: 'equivalent', scale: 'log', edges: 'drop', level: 0.95 },
  scopes: ['group', 'all'].map((level) => ({
    ...{ level, name: 'a', images: 2, particles: 40 },
    distribution: { counted: 40, coverage: estimate, number: weighted, volume: weighted },
  })),
}

export const runs: Reader[] = [
  {
    name: 'checkpoint',
    file: CHECKPOINT,
    seeds: async () => [await checkpoint()],
    read: async (_, folder) => {
      const { progress, parameters } = await readCheckpoint(folder)
      return [progress, parameters]
    },
    guarded: true,
  },
  {
    name: 'config',
    file: 'config.json',
    seeds: () => [json(config)],
    read: async (path) => checkConfig(await readConfigFile(path), path),
  },
  {
    name: 'grid',
    file: 'grid.json',
    seeds: () => [
      json({
        rank: [4, 16],
        lr: [1e-3],
        targets: [['q', 'v']],
        where: ['encoder'],
        seeds: [0, 1],
        alphaScale: ['2/r'],
      }),
    ],
    read: async (path) => checkGrid(await readConfigFile(path), path),
  },
  {
    name: 'split',
    file: 'split.json',
    seeds: () => [readFileSync(join(makeRun(), 'split.json'))],
    read: readSplit,
  },
  {
    name: 'run-inputs',
    file: 'inputs.json',
    seeds: () => [json({ version: 1, split: { train: [], val: [], test: [] }, files: {} })],
    read: (_, folder) => checkInputs(runFolder(folder), { train: [], val: [], test: [] }),
  },
  {
    name: 'metrics',
    file: 'metrics.jsonl',
    seeds: () => [readFileSync(join(makeRun({ steps: 8 }), 'metrics.jsonl'))],
    read: async (path) => {
      const file = new MetricsFile(path)
      await file.read()
      return [file.records, file.damagedLines, await readMetrics(path)]
    },
  },
  {
    name: 'metrics-resumed',
    file: 'metrics.jsonl',
    seeds: () => [readFileSync(join(makeRun({ steps: 8 }), 'metrics.jsonl'))],
    read: async (path) => {
      const sink = await JsonlSink.open(path, ({ step }) => step <= 6)
      await sink.close()
      return sink.warning
    },
  },
  ofRun('config.json'),
  ofRun('split.json'),
  ofRun('metrics.jsonl'),
  ofRun('sessions.json', () => [json([{ began: '2026-01-01T00:00:00Z', command: 'wgsam train', hardware }])]),
  ofRun('pictures/index.json', () => [json([{ name: 'a', step: 3, caption: 'c', file: 'a.jpg' }])]),
  ofRun('best/wgsam.json', () => [json({ version: 1, diameters: [1, 2, 3, 4, 5], size: 512 })]),
  {
    name: 'ablation',
    file: 'ablation.json',
    seeds: () => [json(ablation)],
    prepare: (folder) => writeFileSync(join(folder, 'split.json'), readFileSync(join(makeRun(), 'split.json'))),
    read: (_, folder) => planFrom(folder, [1, 10]),
  },
  {
    name: 'generator-golden',
    file: 'golden.json',
    seeds: () => [json(golden)],
    read: generatorGoldens,
  },
  {
    name: 'evaluation',
    file: 'eval.json',
    seeds: async () => [readFileSync(evaluationFile(join(await temporary(), 'eval.json')))],
    read: async (path) => safe(evaluationHtml(await readEvaluation(path), false)),
  },
  {
    name: 'measured',
    file: 'summary.json',
    seeds: () => [json(measured)],
    read: async (_, folder) => safe(measuredHtml(await readMeasured(folder))),
  },
]
