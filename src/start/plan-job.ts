/** @file The commands of each job of the home page: those that a person would type. */
import { join } from 'node:path'
import {
  commandText,
  fetchCommand,
  generateCommand,
  measureCommand,
  resumeCommand,
  trainCommand,
} from '../cli/next-command'
import type { JobSteps } from './jobs'
import type { NewJob, ProposalMethod } from './protocol'

/** What jobs are planned with. */
export interface PlanContext {
  /** The folder of the images. */
  images: string
  project: string
  model: ModelSettings
  /** The adapter's folder of a run. @throws HttpError if it has none */
  adapterOf(run: string): string
  /** Whether the model runs on the processor; undefined if that is not known yet. */
  software: boolean | undefined
  /** The name of the next run. */
  nextRun: string
  /** Whether a run has a checkpoint to resume from. */
  resumable(run: string): boolean
}

/** The model of a project, as it was chosen at the start. */
export interface ModelSettings {
  /** Name or path. */
  model: string
  modelConfig: string | null
  size: number | null
}

/** The options of each way of proposing. An adapter brings its own prompts. */
const METHODS: Record<ProposalMethod, Record<string, string | number>> = {
  union: { method: 'union', 'points-per-side': 16 },
  quick: { 'points-per-side': 16 },
  thorough: { 'points-per-side': 32 },
  watershed: { method: 'watershed' },
}

export const runPath = (project: string, run: string): string => join(project, 'runs', run)

/** @param again the run of an earlier try of this job, which is continued where it can be */
export function planJob(request: NewJob, context: PlanContext, again: string | null = null): JobSteps {
  const { project, images, model } = context
  const steps = (title: string, args: string[][], run: string | null = null): JobSteps => ({
    ...{ request, title, args, run },
    commands: args.map((words) => commandText(words)),
  })
  switch (request.kind) {
    case 'propose': {
      const adapter = request.adapter === null ? null : context.adapterOf(request.adapter)
      const more = { ...(adapter === null && METHODS[request.method]), report: true }
      const used = request.method === 'watershed' && adapter === null ? {} : { ...model, adapter }
      const words = generateCommand({ images: [images], out: project, ...used, more })
      return steps(adapter ? `Propose masks with the adapter ${request.adapter}` : 'Propose masks', [words])
    }
    case 'train': {
      if (again !== null && context.resumable(again))
        return steps(`Continue training ${again}`, [resumeCommand(runPath(project, again))], again)
      const run = again ?? context.nextRun
      const { software } = context
      const { minutes } = request
      const out = runPath(project, run)
      const words = trainCommand({
        data: join(project, 'dataset'),
        ...model,
        software,
        minutes,
        trainSize: model.size,
        from: request.from ? context.adapterOf(request.from) : null,
        out,
      })
      const title = request.from ? `Train adapter ${run} from ${request.from}` : `Train adapter ${run}`
      return steps(title, [['review', project, '--export'], words], run)
    }
    case 'measure': {
      const words = measureCommand(project)
      const more = ['--out', join(project, 'measured'), ...(request.acceptedOnly ? ['--accepted-only'] : [])]
      return steps('Measure the particles', [[...words, ...more]])
    }
    case 'fetch':
      return steps(`Download the model ${model.model}`, [fetchCommand(model.model)])
  }
}
