/**
 * @file Requests and replies of the home page's server. Errors are { error: string } with a status of 400 to 503.
 *
 *   GET  api/state                 HomeState; polled
 *   GET  api/images                HomeImage[] of the chosen folder
 *   GET  api/thumbnail?name=NAME   a small picture of an image, with its masks
 *   GET  api/folders?path=PATH     FolderList; without a path that of the folder the server was started in
 *   GET  api/run?name=NAME         RunProgress of a training run, null before it has begun
 *   POST api/folder                { path } -> HomeState; opens a folder of images or a project
 *   POST api/model                 { name } -> HomeState; the model that further jobs use
 *   POST api/plan                  JobRequest -> JobPlan; starts nothing
 *   POST api/jobs                  JobRequest -> Job; waits for the jobs before it
 *   POST api/stop                  { id } -> {}; the first request saves and ends the job, the second ends it at once
 *
 *   GET  review/…                  the review page of the project, see src/review/protocol.ts
 *   GET  runs/NAME/                the live page of a training run
 *   GET  reports/…                 the project's reports
 */
import type { ImageState } from '../project/review/review-records'
import type { ProgressLine } from '../host/progress-lines'

export type NewJob =
  /** Proposes masks for all images whose masks nobody has edited or accepted; `adapter` is the name of a run, null the base model. */
  | { kind: 'propose'; adapter: string | null; method: ProposalMethod }
  /** Trains an adapter on the accepted images; `from` is the name of the run whose adapter it begins with, null for a new one. */
  | { kind: 'train'; minutes: number; from?: string | null }
  | { kind: 'measure'; acceptedOnly: boolean }
  /** Downloads the weights of the chosen model. */
  | { kind: 'fetch' }

export type JobRequest =
  | NewJob
  /** Continues a job that was stopped, interrupted or failed. */
  | { kind: 'continue'; id: number }

export const proposalMethods = ['union', 'quick', 'thorough', 'watershed'] as const
/**
 * Without an adapter: the model is asked with a coarse grid of points (quick) or a fine one (thorough); union adds to a coarse grid
 * what the watershed finds beside it; the watershed alone needs no model.
 */
export type ProposalMethod = (typeof proposalMethods)[number]

export type JobKind = NewJob['kind']

export const jobStates = ['waiting', 'running', 'stopping', 'done', 'stopped', 'failed', 'interrupted'] as const
/** `stopped`: by a person; `interrupted`: the server ended while it ran. */
export type JobState = (typeof jobStates)[number]

export interface JobPlan {
  title: string
  /** What does the same in a terminal. */
  commands: string[]
}

export interface Job extends JobPlan {
  id: number
  kind: JobKind
  state: JobState
  /** The index of the command that runs or ran last. */
  step: number
  /** Null before the first report of the current command. */
  progress: Omit<ProgressLine, 'wgsam'> | null
  /** ISO 8601; null before it began, and before it ended. */
  began: string | null
  ended: string | null
  /** The last lines that it printed. */
  output: string[]
  /** Why it failed. */
  problem: string | null
  /** Name of the training run that it makes; else null. */
  run: string | null
  /** Whether a request to continue it is possible. */
  resumable: boolean
}

export type HomeImageState = 'no proposals' | ImageState

export interface HomeImage {
  name: string
  state: HomeImageState
  /** Null without proposals. */
  masks: number | null
  /** How unsure the model was of its proposals, 0 to 1; null without proposals. */
  uncertainty: number | null
  problem: string | null
  /** Changes whenever the thumbnail does. */
  version: string
}

export interface HomeAdapter {
  /** Name of the run. */
  name: string
  /** Scores of the validation images (mean of Dice and instance Dice by points and boxes, 0 to 1); null if not measured. */
  base: number | null
  best: number | null
  /** The number of training images. */
  images: number | null
}

export interface ProjectState {
  /** The folder of the images. */
  images: string
  /** The folder of the results. */
  project: string
  /** Adapters of finished and stopped runs, the newest last. */
  adapters: HomeAdapter[]
  reports: { title: string; path: string }[]
  /** The longest time that is proposed for training on the images accepted so far, in minutes. */
  minutes: number
  /** Whether models run on the processor, so that steps take long. */
  software: boolean
  /** Why the masks cannot be reviewed now; null if they can. */
  reviewProblem: string | null
}

export interface HomeState {
  version: string
  /** The folder that was chosen, null before. */
  project: ProjectState | null
  model: {
    name: string
    present: boolean
    bytes: number | null
    choices: { name: string; about: string; bytes: number; present: boolean }[]
  }
  /** The oldest first. */
  jobs: Job[]
}

export interface FolderList {
  path: string
  /** Null at the top of what can be browsed. */
  parent: string | null
  folders: { name: string; path: string }[]
  /** The number of image files directly in it. */
  images: number
  /** Whether it is a project. */
  project: boolean
  /** Places to begin: the home folder, the folder of the start. */
  places: { name: string; path: string }[]
}

export interface RunProgress {
  name: string
  step: number
  total: number | null
  /** [step, loss], smoothed. */
  loss: [number, number][]
  /** [step, score]; the first at step 0 is the base model. */
  validations: [number, number][]
  /** [step, F1 of the particles that the prompt head finds]; empty if none trains. */
  found: [number, number][]
  /** The score of the best state so far; null before the first step is validated. */
  best: number | null
  /** The number of images that they are measured on; null if unknown. */
  validationImages: number | null
  /** Whether it is being trained. */
  running: boolean
  seconds: number
}
