/**
 * @file The ranks of a training other than 0: each computes its share of every step and of every validation, and nothing else. What is
 * read, written and printed is rank 0's affair (train.ts).
 */
import type { Engine } from '../../engine/device/engine'
import { usualSizes } from '../../engine/finetune/usual-sizes'
import { Batches } from '../../engine/finetune/batches'
import { stepsInFlight, TrainingLoop } from '../../engine/finetune/training-loop'
import type { DatasetItem } from '../dataset/dataset'
import type { UserError } from '../host/errors'
import { broadcastValue, type Communicator } from '../mpi/communicator'
import { resumeAdvice } from './checkpoints'
import { addAdvice, explainDeviceFailure, explainDivergence } from './device-failure'
import { DriftGuard } from './drift'
import { agreement, type JointBeginning, type JointPlan, jointStep, shareParameters } from './joint-training'
import { followOwnSize } from './own-size-rival'
import { shareOf } from './rank-share'
import type { RunFolder } from './run-folder'
import { openSession, planSession } from './session'
import { followStrength } from './strength'
import { followTuning } from './tune-adapter'
import { Validator } from './validate'
import { openPreparation } from './worker-pool'

export interface FollowOptions {
  engine: Engine
  /** Of the run, for messages. */
  run: RunFolder
  ranks: Communicator
  /** As in TrainOptions. */
  processors?: number
  /** As in TrainOptions; true at any rank ends the training at all. */
  stop: () => boolean
}

const nothing = async () => {}

/**
 * Trains with rank 0 until the training ends.
 * @throws UserError if the model cannot be used here or the GPU fails; the message names the last checkpoint
 */
export async function follow({ engine, run, ranks, processors, stop }: FollowOptions): Promise<void> {
  const planned = await broadcastValue<JointPlan>(ranks)
  const { data } = planned
  let saved = -1
  const session = await openSession(engine, planned.config, () => {}, {
    // all values come from rank 0
    restored: true,
    plan: await planSession(engine, planned.config, ranks.size),
  })
  const { config, progress } = await broadcastValue<JointBeginning>(ranks)
  const explained = (error: unknown): UserError => {
    const advice = resumeAdvice(run, saved)
    return addAdvice(explainDeviceFailure(explainDivergence(error, advice), engine, advice), advice)
  }
  const preparation = openPreparation(config, engine, usualSizes(session.model, data.train), processors)
  let batches: Batches<DatasetItem> | null = null
  let validator: Validator | null = null
  let finished = false
  try {
    await shareParameters(ranks, session.adaptation.parameters)
    session.adaptation.refresh()
    session.step.step = progress.step
    const part = shareOf(config.batch, ranks)
    batches = new Batches(data.train, config, session.plan.microBatch, preparation, progress.data, part)
    if (config.validation.every) validator = await Validator.open(session, data.val, config, ranks)
    const drift = new DriftGuard(ranks, session.adaptation, () => {})
    const loop = new TrainingLoop(
      {
        config,
        session: { step: jointStep(session.step, ranks), frozen: session.frozen },
        batches,
        images: data.train.length,
        validator: data.val.length && validator ? { run: (asked) => validator!.run(asked) } : null,
        checkpoints: { isDue: () => false, saveLast: nothing, saveBest: nothing, exportLast: nothing },
        reporter: { reportStep: nothing, reportValidation: nothing },
        inFlight: stepsInFlight(engine),
        stop,
        together: agreement(
          ranks,
          () => saved,
          (step) => (saved = step),
          () => drift.check(),
        ),
        log: () => {},
      },
      progress,
    )
    const trained = await loop.run()
    finished = trained && (!validator || (await followStrength({ ...session, validator, ranks, stop })))
  } catch (error) {
    throw explained(error)
  } finally {
    batches?.close()
    await preparation.close()
    validator?.destroy()
    session.release()
  }
  if (!finished) return
  try {
    await followOwnSize({ engine, ranks, stop })
    await followTuning({ engine, ranks, stop })
  } catch (error) {
    throw explained(error)
  }
}
