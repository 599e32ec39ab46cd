/** @file The checkpoints of a run in progress: when the next one is due, writing it, and restoring the last one. */
import { existsSync } from 'node:fs'
import { commandText, resumeCommand } from '../cli/next-command'
import { averaged } from '../../engine/train/split-adapter'
import { type AdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import { messageOf, UserError } from '../host/errors'
import type { Adaptation } from '../../engine/finetune/adaptation'
import { readCheckpoint, type TrainingProgress, writeCheckpoint } from './checkpoint-file'
import type { TrainConfig } from './config'
import { exportAdapter } from './export-adapter'
import { hasCheckpoint, type RunFolder } from './run-folder'

/** How a run whose last checkpoint is of that step (-1: none) can be continued after a failure, as a sentence. */
export function resumeAdvice({ root, last }: RunFolder, step: number): string {
  if (step < 0) return 'No checkpoint has been written.'
  return `The checkpoint of step ${step} in ${last} is good: \`${commandText(resumeCommand(root))}\` continues from it.`
}

export class Checkpoints {
  /** What the last checkpoint holds, and when it was written (`performance.now()`); a step of -1: there is none. */
  private saved = { step: -1, validated: -1, at: 0 }

  /**
   * @param flush puts the run's records on the disk; it is called before each checkpoint
   * @param profile what an exported adapter knows about its training
   * @param onSaved receives the step of the last checkpoint: of one that was restored, and of each that is written
   */
  constructor(
    private readonly folder: RunFolder,
    private readonly config: TrainConfig,
    private readonly adaptation: Adaptation,
    private readonly flush: () => Promise<void>,
    private readonly profile: () => Promise<AdapterProfile> = async () => ({}),
    private readonly onSaved: (step: number) => void = () => {},
  ) {}

  /**
   * Restores the parameters of the run's last checkpoint.
   * @returns the progress stored in it, or null if the run has no checkpoint
   * @throws UserError if it belongs to another configuration, other training images (both are hashes) or another model
   */
  async restore(expected: Pick<TrainingProgress, 'config' | 'images'>): Promise<TrainingProgress | null> {
    const { folder, adaptation } = this
    if (!hasCheckpoint(folder)) return null
    const { progress, parameters } = await readCheckpoint(folder.last)
    if (progress.config !== expected.config)
      throw new UserError(
        `the checkpoint in ${folder.last} was made with another configuration than ${folder.config} contains: ` +
          'restore the file that the run wrote, or begin a new run',
      )
    if (progress.images !== expected.images)
      throw new UserError(
        `${folder.split} lists other training images than the run began with: restore the file that the run wrote`,
      )
    try {
      adaptation.parameters.upload(parameters)
      adaptation.refresh()
    } catch (error) {
      throw new UserError(`the checkpoint in ${folder.last} does not fit the model: ${messageOf(error)}`)
    }
    this.setSaved(progress)
    return progress
  }

  /** True if the configured number of seconds or steps has passed since the last checkpoint, at a step. */
  isDue({ step }: Pick<TrainingProgress, 'step'>): boolean {
    const { seconds, steps } = this.config.checkpoint
    return performance.now() - this.saved.at >= 1000 * seconds || (steps !== null && step - this.saved.step >= steps)
  }

  /** Replaces the last checkpoint, unless nothing has happened since it was written. */
  async saveLast(progress: TrainingProgress): Promise<void> {
    const { step, validated } = progress
    if (this.saved.step === step && this.saved.validated === validated) return
    // a checkpoint must not be ahead of the records on the disk
    await this.flush()
    await this.write(this.folder.last, progress)
    this.setSaved(progress)
  }

  private setSaved({ step, validated }: TrainingProgress): void {
    this.saved = { step, validated, at: performance.now() }
    this.onSaved(step)
  }

  /** Replaces the best checkpoint, and the adapter beside it. */
  async saveBest(progress: TrainingProgress): Promise<void> {
    await this.write(this.folder.best, progress)
    await this.exportTo(this.folder.best)
  }

  /** Writes the current adapter beside the last checkpoint. */
  exportLast(): Promise<void> {
    return this.exportTo(this.folder.last)
  }

  /** How the user can continue after a failure, as a sentence. */
  resumeAdvice(): string {
    return resumeAdvice(this.folder, this.saved.step)
  }

  /** The step of the last checkpoint; -1: there is none. */
  get savedStep(): number {
    return this.saved.step
  }

  /** @throws UserError if somebody has deleted or moved the run's folder: it would be made again without its other files */
  private async write(folder: string, progress: TrainingProgress): Promise<void> {
    const { root, config } = this.folder
    if (!existsSync(config))
      throw new UserError(
        `${config} is gone: ${root} was deleted or moved during the run, so nothing more can be saved in it`,
      )
    await writeCheckpoint(folder, { progress, parameters: await this.adaptation.parameters.download() })
  }

  private async exportTo(folder: string): Promise<void> {
    const { layers, parameters } = this.adaptation
    await exportAdapter(folder, this.config, layers, averaged(await parameters.download()))
    await updateAdapterProfile(folder, await this.profile())
  }
}
