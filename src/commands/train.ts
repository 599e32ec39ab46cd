/** @file `wgsam train`: trains a LoRA adapter on images with instance masks. */
import { basename, join, resolve } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { messageOf, UserError } from '../host/errors'
import { commandLine } from '../host/command-line'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { LastWords } from '../host/last-words'
import { broadcastValue, type Communicator } from '../mpi/communicator'
import { tasksWithoutMpi } from '../mpi/launch'
import { processorShare } from '../mpi/rank-places'
import { checkpointStep } from '../training/checkpoint-file'
import { resumeAdvice } from '../training/checkpoints'
import { addAdvice } from '../training/device-failure'
import { follow } from '../training/follow'
import { withRanks } from './with-ranks'
import type { Precision } from '../../engine/device/precision'
import { logLine } from '../host/progress'
import { hardwareOf } from '../host/hardware'
import { PictureSink } from '../report/run/picture-folder'
import { addSession } from '../report/run/sessions'
import {
  type RawConfig,
  type TrainConfig,
  checkConfig,
  mergeConfig,
  readConfigFile,
  withAbsolutePaths,
} from '../training/config'
import { configFrom } from '../training/from-adapter'
import { configFromFlags, configOptions, nameFlags } from './options/training'
import { fetchOption } from './options/model'
import { locateModel } from '../weights/locate-model'
import { describePlan } from '../training/plan-text'
import { describeTraining } from '../training/summary-text'
import { train } from '../training/train'
import { beginRun, checkRun, lockRun, resumeRun, type RunFolder, runFolder } from '../training/run-folder'
import { planSession } from '../training/session'
import { WatchServer } from '../watch/watch-server'
import type { Command } from '../cli/command'
import { flag, number, text, type Values } from '../cli/options'

export const command: Command = {
  name: 'train',
  summary: 'train a LoRA adapter on images with instance masks',
  usage: '--data DIR [--out RUN] [options], or --resume RUN',
  options: {
    ...configOptions,
    config: { type: 'string', value: 'FILE', description: 'JSON configuration; command-line flags override it' },
    out: { type: 'string', value: 'RUN', description: 'folder of the run (default: runs/ and the current time)' },
    resume: { type: 'string', value: 'RUN', description: 'resume a run from its last checkpoint' },
    watch: { type: 'boolean', description: 'serve a page that shows the run in the browser while it trains' },
    'watch-port': {
      type: 'string',
      value: 'NUMBER',
      description: 'port of the watch page on 127.0.0.1 (default: a free one)',
    },
    ...fetchOption,
    'dry-run': {
      type: 'boolean',
      description: 'only print the planned memory and work of a training step on this adapter; needs no --data',
    },
    verbose: { type: 'boolean', description: 'also print the details of the memory plan, as --dry-run does' },
    json: { type: 'boolean', description: 'print the summary as JSON' },
  },
  details: `The folder of the run contains config.json, split.json, metrics.jsonl, and in last/ and best/ a checkpoint and the
adapter in the format of PEFT. Ctrl-C saves a checkpoint and stops (exit code 130). Under mpirun or srun
the ranks divide the images of each step, see "Several GPUs" in docs/training.md.

  wgsam train --data particles --rank 16 --lr 1e-3 --out runs/first
  wgsam train --model sam_vit_h --size 1024 --memory 8GiB --dry-run
  wgsam train --from runs/first --data more-particles --out runs/second
  wgsam train --resume runs/first
  mpirun -n 4 wgsam train --data particles --batch 32 --out runs/four`,
  async run(values) {
    watchPort(values)
    if (flag(values, 'dry-run')) return dryRun(values)
    const tasks = tasksWithoutMpi()
    if (tasks > 1)
      throw new UserError(
        `srun has started ${tasks} tasks that cannot talk with one another, so each would train the same. ` +
          'Start them with `srun --mpi=pmix` or `srun --mpi=pmi2` (`srun --mpi=list` shows what there is), or only one: `srun -n 1`',
      )
    return withRanks(true, (ranks, places) => {
      const processors = ranks.size > 1 ? processorShare(places, ranks.rank) : undefined
      return ranks.rank === 0 ? lead(values, ranks, processors) : followFirst(ranks, processors)
    })
  },
}

/** Trains as the options say; with several ranks, as the first of them. */
async function lead(values: Values, ranks: Communicator, processors?: number): Promise<number> {
  const port = watchPort(values)
  const { run, config, unlock } = await openRun(values)
  await broadcastValue<Start>(ranks, { run, precision: config.matmulPrecision })
  const lastWords = ranks.size > 1 ? new LastWords(run.killed) : null
  let advice = ''
  const setSaved = (step: number) => {
    advice = resumeAdvice(run, step)
    lastWords?.set(`the job has ended before the run. ${advice}`)
  }
  setSaved((await checkpointStep(run.last)) ?? -1)
  // a launcher also sends a signal if a rank has died, and kills the others soon after: so this names what is saved until then
  const stopping = () =>
    console.error(`\nstopping when all ranks have finished this step, which is then saved. Until then: ${advice}`)
  const interrupt = ranks.size === 1 ? interruption() : interruption(stopping, true)
  const watch = port === null ? null : await openWatchPage(port, run)
  try {
    const engine = await openEngine({ precision: config.matmulPrecision })
    await recordSession(run, engine)
    const sinks = [new PictureSink(run.root, logLine)]
    const summary = await train({
      ...{ engine, config, run, ranks, processors, sinks, stop: () => interrupt.requested, log: logLine },
      onSaved: setSaved,
      verbose: flag(values, 'verbose'),
    })
    await ranks.barrier()
    engine.destroy()
    if (flag(values, 'json')) console.log(JSON.stringify(summary, null, 1))
    else console.log(describeTraining(summary, config))
    return summary.finished ? 0 : 130
  } catch (error) {
    throw ranks.size === 1 ? error : addAdvice(error, advice)
  } finally {
    await watch?.close()
    interrupt.dispose()
    await lastWords?.dispose()
    await unlock()
  }
}

/** What rank 0 tells the others when it has checked the options. */
interface Start {
  run: RunFolder
  precision: Precision
}

/** Trains as another rank than the first. */
async function followFirst(ranks: Communicator, processors?: number): Promise<number> {
  const { run, precision } = await broadcastValue<Start>(ranks)
  const interrupt = interruption(() => {}, true)
  try {
    const engine = await openEngine({ precision })
    await follow({ engine, run, ranks, processors, stop: () => interrupt.requested })
    // the first rank still chooses the strength of the adapter and thresholds
    await ranks.barrier()
    engine.destroy()
    return 0
  } finally {
    interrupt.dispose()
  }
}

/** Plans the run and prints the plan. A named model need not be in the cache: the shapes of its tensors are known. */
async function dryRun(values: Values): Promise<void> {
  const config = await withFlagNames(values, async () => {
    const resume = text(values, 'resume')
    if (resume !== undefined) return resumeRun(runFolder(resume), configFromFlags(values))
    const raw = await rawConfig(values)
    return checkConfig(
      { ...(await configFrom(raw, { fetch: false })), data: raw.data ?? ['none'] },
      text(values, 'config') ?? 'wgsam train',
    )
  })
  const engine = await openEngine({ precision: config.matmulPrecision })
  const plan = await planSession(engine, config)
  engine.destroy()
  console.log(flag(values, 'json') ? JSON.stringify(plan, null, 1) : describePlan(plan, config).join('\n'))
}

/** The port given for the watch page, 0 for a free one; null without --watch. */
function watchPort(values: Values): number | null {
  const port = number(values, 'watch-port', { min: 0, max: 65535, integer: true })
  if (flag(values, 'watch')) return port ?? 0
  if (port !== undefined) throw new UserError('--watch-port requires --watch')
  return null
}

async function openWatchPage(port: number, { root }: RunFolder): Promise<WatchServer | null> {
  const watch = await WatchServer.open({ root, name: basename(resolve(root)), port, log: logLine })
  if (watch) logLine(`live page: ${watch.url}`)
  return watch
}

/** Records the command and the machine for the report. A failure is reported, but does not stop the run. */
async function recordSession({ root }: RunFolder, engine: Engine): Promise<void> {
  try {
    const [began, command, hardware] = [new Date().toISOString(), commandLine(), await hardwareOf(engine)]
    await addSession(root, { began, command, hardware })
  } catch (error) {
    logLine(`warning: the report will not name the machine: ${messageOf(error)}`)
  }
}

/** The configuration file overridden by the flags, not yet checked. */
async function rawConfig(values: Values): Promise<RawConfig> {
  const file = text(values, 'config')
  return mergeConfig(file === undefined ? {} : await readConfigFile(file), configFromFlags(values))
}

/** Runs a check of the configuration, and adds the names of the given flags to its error messages. */
async function withFlagNames<T>(values: Values, check: () => Promise<T>): Promise<T> {
  try {
    return await check()
  } catch (error) {
    if (error instanceof UserError) error.message = nameFlags(error.message, values)
    throw error
  }
}

/** Opens the run to start or to resume, under its lock. @throws UserError for wrong options or an unusable folder */
const openRun = (values: Values) =>
  withFlagNames(values, async () => {
    const resume = text(values, 'resume')
    if (resume !== undefined) {
      for (const name of ['out', 'config'])
        if (values[name] !== undefined)
          throw new UserError(`--resume continues a run with its own settings: leave out --${name}`)
      const run = runFolder(resume)
      checkRun(run)
      return locked(run, async () => {
        const config = await resumeRun(run, configFromFlags(values))
        await locateModel(config.model, flag(values, 'fetch'))
        return config
      })
    }
    const raw = await rawConfig(values)
    if (raw.data === undefined) throw new UserError('wgsam train needs --data DIR (or "data" in the --config file)')
    const config = withAbsolutePaths(
      checkConfig(await configFrom(raw, { fetch: flag(values, 'fetch') }), text(values, 'config') ?? 'wgsam train'),
    )
    await locateModel(config.model, flag(values, 'fetch'))
    const now = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
    const run = runFolder(text(values, 'out') ?? join('runs', now))
    return locked(run, () => beginRun(run, config).then(() => config))
  })

/** Locks a run and opens it; unlocks it if opening fails. */
async function locked(run: RunFolder, open: () => Promise<TrainConfig>) {
  const unlock = await lockRun(run)
  try {
    return { run, unlock, config: await open() }
  } catch (error) {
    await unlock()
    throw error
  }
}
