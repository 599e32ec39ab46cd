/**
 * @file What the review page asks for, as functions: one for each request of protocol.ts. A back end answers them: the server over
 * HTTP (page/http-api.ts), or the page itself where there is no server (src/playground).
 */
import type { CandidateFile } from '../project/file-schemas'
import type { MaskClass } from '../project/review/classes'
import type { ActionRequest, LogEntry, ReviewHistory } from '../project/review/review-records'
import type {
  AcceptedSizes,
  ActionReply,
  BusyReply,
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
} from './protocol'

/** Each rejects with an ApiError if the request is refused, and with an OfflineError if nobody answers. */
export interface ReviewApi {
  session(): Promise<ServerInfo>
  images(): Promise<ImageSummary[]>
  /** An image file that browsers decode. */
  pixels(name: string, signal?: AbortSignal): Promise<Blob>
  infoBar(name: string): Promise<Blob>
  classes(): Promise<MaskClass[]>
  setClasses(classes: readonly MaskClass[]): Promise<MaskClass[]>
  acceptedSizes(): Promise<AcceptedSizes[]>
  setPixelSize(request: PixelSizeRequest): Promise<object>
  document(name: string, signal?: AbortSignal): Promise<ReviewHistory>
  log(name: string, after: number): Promise<LogEntry[]>
  candidates(name: string): Promise<CandidateFile>
  act(name: string, request: ActionRequest): Promise<ActionReply>
  encode(name: string, request: EncodeRequest, signal?: AbortSignal): Promise<EncodeReply>
  prompt(name: string, request: PromptRequest, signal?: AbortSignal): Promise<PromptReply>
  similar(name: string, request: SimilarRequest, signal?: AbortSignal): Promise<SimilarReply>
  similarMasks(name: string, request: SimilarMasksRequest, signal?: AbortSignal): Promise<SimilarMasksReply>
  busy(): Promise<BusyReply>
  export(): Promise<ExportReply>
}
