/**
 * @file What the playground's page asks of its worker, in which the engine, its device and the decoders of images live. A call is a
 * message with a number; the worker answers with messages of the same number: progress, then a result or an error.
 */
import type { ScoreThresholds } from '../../engine/generate/filter'
import type { AnyAdapter } from '../../engine/train/adapter'
import type { StoredStrength } from '../../engine/train/adapter-profile'
import type { HeadTensor } from '../../engine/sam/prompt-head'
import type { ParticleSize } from '../../engine/scale/particle-size'
import type { Size } from '../../engine/image/size'
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
import type { AdapterProfile } from '../web'
import type { StoredModel } from './store/records'

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

/** An image of the review, with what the model has to know about it. */
export interface Picture {
  /** Differs from that of every other image since the page was loaded, also where two had the same name one after the other. */
  id: string
  info: ImageInfo
  /** An image file that browsers decode. */
  pixels: Blob
  /** How large its particles are; null while nothing is known. */
  particles: ParticleSize | null
}

export interface OpenedModel {
  /** The adapter that is attached; null for the base model. */
  adapter: AdapterSummary | null
  /** 'TinyViT', 'ViT' … with the number of parameters. */
  description: string
  inputSize: number
  /** The side of the input at which the model without an adapter is best. */
  ownSize: number
  /** How it finds particles without an adapter: what its file says, if an adapter was merged into it. */
  own: FinderSummary
  /** What a person should know about the file, in sentences. */
  remarks: string[]
}

export interface OpenRequest {
  stored: StoredModel
  /** Attached if it is of this model at this input size. */
  adapter: StoredAdapter | null
}

export interface ProposeRequest extends ScoreThresholds {
  picture: Picture
  pointsPerSide: number
  /** The median diameter of the particles in pixels of the image; 'auto': it is estimated. */
  diameter: number | 'auto'
  /** Tiles at most in which an image of small particles is seen; 1: it is always seen whole. */
  tiles: number
}

export interface Proposed {
  records: ProposalRecord[]
  candidates: CandidateFile
  /** In how many tiles the image was seen; 1 for the whole image. */
  tiles: number
  /** The number of encodings: of all tiles, and of the whole image where the diameter was estimated first. */
  encodings: number
  /** Whether the search was ended before all places were asked. */
  stopped: boolean
  seconds: number
}

/** An image with the masks that a person accepted. */
export interface Labelled {
  image: string
  pixels: Blob
  masks: CompressedRle[]
}

/** What a person chooses for a training. */
export interface TrainSettings {
  /** The longest time, in minutes. */
  minutes: number
  rank: number
  /** Fewer steps than the schedule would take; null: as many as it takes. */
  maxSteps: number | null
  /** Memory of the GPU that the training may take, in bytes. */
  memory: number
}

export interface TrainRequest extends TrainSettings {
  samples: Labelled[]
  /** Images by which the base model and the adapter are compared. */
  validation: Labelled[]
  /** The last checkpoint of a training that is to be continued. */
  resume: Uint8Array | null
}

/** What a training will take. */
export interface Forecast {
  /** Bytes on the GPU. */
  memory: number
  /** Whether they are within what the person allows. */
  fits: boolean
  /** Whether part of the forward pass is computed twice to save memory, which takes more time. */
  recomputes: boolean
  /** Steps at most. */
  steps: number
  /** Images in each step. */
  batch: number
  /** The time of the comparison with the base model and the tuning of thresholds after the last step, in units of a step. */
  end: number
}

/** A trained adapter as the page keeps it. */
export interface StoredAdapter {
  adapter: AnyAdapter
  head: HeadTensor[]
  /** What it knows about itself: sizes of its particles, thresholds … */
  profile: AdapterProfile
  /** The model that it belongs to, by name and input size. */
  model: string
  inputSize: number
  summary: AdapterSummary
}

/** How a model finds particles. */
export interface FinderSummary {
  /** Whether it has a prompt head, which finds the places of particles without a grid. */
  head: boolean
  /** The generator's thresholds that suit it, if it knows them. */
  thresholds: ScoreThresholds | null
  /** What its own measurements say against it, as clauses; empty if nothing does. */
  warnings: string[]
}

/** What the page says about an adapter. */
export interface AdapterSummary extends FinderSummary {
  /** The file that it was read from; null if it was trained here. */
  file: string | null
  rank: number | null
  /** How it was trained; null if it was read from a file. */
  training: TrainingSummary | null
  /** The strength that was chosen, with the scores of the base model and the adapter, if it knows them. */
  strength: StoredStrength | null
}

export interface TrainingSummary {
  /** Names of the images that it was trained on. */
  images: string[]
  steps: number
  seconds: number
  /** Seconds of the measurements after the last step. */
  endSeconds: number
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
  /** Of a training: it can be continued from here. */
  checkpoint?: Uint8Array<ArrayBuffer>
}

export interface Calls {
  gpu: { request: null; result: GpuReport }
  read: { request: { file: File }; result: ReadImage }
  open: { request: OpenRequest; result: OpenedModel }
  /** Attaches an adapter to the open model, or removes the one that is attached. */
  adapt: { request: { adapter: StoredAdapter | null }; result: null }
  /** Reads the files of an adapter for the open model. */
  readAdapter: { request: { files: File[] }; result: StoredAdapter }
  propose: { request: ProposeRequest; result: Proposed }
  /** In how many tiles an image will be seen whose particles have a diameter. */
  countTiles: { request: { image: Size; diameter: number; tiles: number }; result: number }
  forecast: { request: TrainSettings & { images: number; validation: number }; result: Forecast }
  /** The adapter; null if the training was paused. */
  train: { request: TrainRequest; result: StoredAdapter | null }
  /** Ends the training after its present step: with the adapter as it is, or to be continued later. */
  endTraining: { request: { use: boolean }; result: null }
  encode: { request: { picture: Picture; next?: Picture }; result: number }
  prompt: { request: { picture: Picture; prompt: PromptRequest }; result: PromptReply }
  similar: { request: { picture: Picture } & SimilarRequest; result: SimilarReply }
  similarMasks: { request: { picture: Picture } & SimilarMasksRequest; result: SimilarMasksReply }
  busy: { request: null; result: BusyReply }
}
export type CallName = keyof Calls

/** Why a call failed, so that the page can say what to do. */
export type Failure =
  | 'no WebGPU'
  | 'no adapter'
  | 'weak adapter'
  | 'training too large'
  | 'out of memory'
  | 'device lost'
  | 'input'
  | 'stopped'
  | 'other'

export interface CallError {
  message: string
  kind: Failure
  /** Of an HttpError. */
  status?: number
}

export type ToWorker =
  { id: number; call: CallName; request: unknown } | { id: number; stop: true } | { id: number; finish: true }
export type FromWorker =
  { id: number; progress: Progress } | { id: number; result: unknown } | { id: number; error: CallError }
