/**
 * @file What the playground's page asks of its worker, in which the engine, its device and the decoders of images live. A call is a
 * message with a number; the worker answers with messages of the same number: progress, then a result or an error.
 */
import type { AnyAdapter } from '../../engine/train/adapter'
import type { HeadTensor } from '../../engine/sam/prompt-head'
import type { DiameterQuantiles } from '../../engine/scale/view'
import type { CompressedRle } from '../../engine/masks/rle'
import type { CandidateFile, ImageInfo, ProposalRecord } from '../project/file-schemas'
import type {
  BusyReply,
  PromptReply,
  PromptRequest,
  SimilarMasksReply,
  SimilarMasksRequest,
  SimilarReply,
  SimilarRequest,
} from '../review/protocol'

/** The device that the engine uses. */
export interface GpuReport {
  name: string
  /** It computes on the processor: everything takes tens of times as long. */
  software: boolean
}

/** A file that a person gave, as the page shows it and the model sees it. */
export interface ReadImage {
  info: Omit<ImageInfo, 'name'>
  /** PNG of 8 bits. */
  pixels: Blob
  /** Statements of the file that were not trusted, and what was left out. */
  remarks: string[]
}

export interface OpenedModel {
  /** The adapter that is attached; null for the base model. */
  adapter: AdapterSummary | null
  /** 'TinyViT', 'ViT' … with the number of parameters. */
  description: string
  inputSize: number
}

export interface ModelRequest {
  /** In the database, see store/database.ts. */
  name: string
  /** Side of the input in pixels; null: the model's own. */
  size: number | null
}

export interface ProposeRequest {
  image: string
  pointsPerSide: number
  predIouThresh: number
  stabilityScoreThresh: number
}

export interface Proposed {
  records: ProposalRecord[]
  candidates: CandidateFile
  seconds: number
}

/** An image with the masks that a person accepted. */
export interface Labelled {
  image: string
  masks: CompressedRle[]
}

export interface TrainRequest {
  samples: Labelled[]
  /** Images by which the base model and the adapter are compared. */
  validation: Labelled[]
  /** The longest time, in minutes. */
  minutes: number
  rank: number
  /** Fewer steps than the schedule would take; null: as many as it takes. */
  maxSteps: number | null
}

/** A trained adapter as the database keeps it. */
export interface StoredAdapter {
  adapter: AnyAdapter
  head: HeadTensor[]
  /** Sizes of the particles that it was trained on, pixels of the model's input. */
  diameters: DiameterQuantiles
  /** The model that it belongs to, by name and input size. */
  model: string
  inputSize: number
  summary: AdapterSummary
}

/** What the page says about an adapter. */
export interface AdapterSummary {
  /** Names of the images that it was trained on. */
  images: string[]
  steps: number
  seconds: number
  rank: number
  /** Scores on the validation images, 0 to 1, of the base model and of the adapter; null if it was not measured. */
  before: number | null
  after: number | null
  /** Whether the validation images are those that it was trained on. */
  ownImages: boolean
  time: string
}

/** The course of a training, as the page draws it. */
export interface TrainPoint {
  step: number
  loss?: number
  score?: number
}

/** Something takes time. `total` is null where the end is not known. */
export interface Progress {
  /** What is done now: 'Compiling shaders' … */
  doing: string
  done: number
  total: number | null
  /** Where the work itself knows better than the page. */
  secondsLeft?: number | null
  point?: TrainPoint
}

export interface Calls {
  gpu: { request: null; result: GpuReport }
  read: { request: { file: File }; result: ReadImage }
  open: { request: ModelRequest; result: OpenedModel }
  propose: { request: ProposeRequest; result: Proposed }
  train: { request: TrainRequest; result: AdapterSummary }
  encode: { request: { image: string; next?: string }; result: number }
  prompt: { request: { image: string; prompt: PromptRequest }; result: PromptReply }
  similar: { request: { image: string } & SimilarRequest; result: SimilarReply }
  similarMasks: { request: { image: string } & SimilarMasksRequest; result: SimilarMasksReply }
  busy: { request: null; result: BusyReply }
}
export type CallName = keyof Calls

/** Why a call failed, so that the page can say what to do. */
export type Failure = 'no WebGPU' | 'no adapter' | 'out of memory' | 'device lost' | 'input' | 'stopped' | 'other'

export interface CallError {
  message: string
  kind: Failure
  /** Of an HttpError. */
  status?: number
}

export type ToWorker = { id: number; call: CallName; request: unknown } | { id: number; stop: true }
export type FromWorker =
  { id: number; progress: Progress } | { id: number; result: unknown } | { id: number; error: CallError }
