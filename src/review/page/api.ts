/** @file Requests to the page's server. Paths are relative to the page's own address, which contains the token. */
import type { CandidateFile } from '../../project/file-schemas'
import type { MaskClass } from '../../project/review/classes'
import type { ActionRequest, LogEntry, ReviewHistory } from '../../project/review/review-records'
import type {
  AcceptedSizes,
  ActionReply,
  BusyReply,
  ConflictReply,
  EncodeReply,
  EncodeRequest,
  ExportReply,
  ImageSummary,
  PixelSizeRequest,
  PromptReply,
  PromptRequest,
  ServerInfo,
  SimilarMasksReply,
  SimilarMasksRequest,
  SimilarReply,
  SimilarRequest,
} from '../protocol'
import { ApiError, json, OfflineError, request } from './request'

export { ApiError, OfflineError }

const image = (name: string) => `images/${encodeURIComponent(name)}`

export const api = {
  session: () => json<ServerInfo>('session'),
  images: () => json<ImageSummary[]>('images'),
  pixels: async (name: string, signal?: AbortSignal) =>
    (await request(`${image(name)}/pixels`, undefined, signal)).blob(),
  infoBar: async (name: string) => (await request(`${image(name)}/info-bar`)).blob(),
  classes: () => json<MaskClass[]>('classes'),
  setClasses: (classes: readonly MaskClass[]) => json<MaskClass[]>('classes', classes),
  acceptedSizes: () => json<AcceptedSizes[]>('accepted-sizes'),
  setPixelSize: (request: PixelSizeRequest) => json<object>('pixel-size', request),
  document: (name: string, signal?: AbortSignal) => json<ReviewHistory>(`${image(name)}/document`, undefined, signal),
  log: (name: string, after: number) => json<LogEntry[]>(`${image(name)}/log?after=${after}`),
  candidates: (name: string) => json<CandidateFile>(`${image(name)}/candidates`),
  act: (name: string, request: ActionRequest) => json<ActionReply>(`${image(name)}/actions`, request),
  encode: (name: string, request: EncodeRequest, signal?: AbortSignal) =>
    json<EncodeReply>(`${image(name)}/encode`, request, signal),
  prompt: (name: string, request: PromptRequest, signal?: AbortSignal) =>
    json<PromptReply>(`${image(name)}/prompt`, request, signal),
  similar: (name: string, request: SimilarRequest, signal?: AbortSignal) =>
    json<SimilarReply>(`${image(name)}/similar`, request, signal),
  similarMasks: (name: string, request: SimilarMasksRequest, signal?: AbortSignal) =>
    json<SimilarMasksReply>(`${image(name)}/similar-masks`, request, signal),
  busy: () => json<BusyReply>('busy'),
  export: () => json<ExportReply>('export', {}),
}

export const isConflict = (error: unknown): error is ApiError & { body: ConflictReply } =>
  error instanceof ApiError && error.status === 409
