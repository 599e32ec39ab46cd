/** @file Requests to the page's server. Paths are relative to the page's own address, which contains the token. */
import type { CandidateFile } from '../../project/file-schemas'
import type { ActionRequest, LogEntry, ReviewHistory } from '../../project/review/review-records'
import type {
  ActionReply,
  ConflictReply,
  EncodeReply,
  EncodeRequest,
  ExportReply,
  ImageSummary,
  PromptReply,
  PromptRequest,
  ServerInfo,
} from '../protocol'

/** The server replied with an error. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly body: unknown,
  ) {
    super(message)
  }
}

/** The server did not respond: it has stopped or is starting. */
export class OfflineError extends Error {}

async function request(path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const init: RequestInit = { signal, cache: 'no-cache' }
  if (body !== undefined) {
    init.method = 'POST'
    init.headers = { 'content-type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  let response: Response
  try {
    response = await fetch(`api/${path}`, init)
  } catch (error) {
    if (signal?.aborted) throw error
    throw new OfflineError('the server does not respond')
  }
  if (response.ok) return response
  const text = await response.text().catch(() => '')
  let parsed: unknown = null
  try {
    parsed = JSON.parse(text)
  } catch {
    // not a reply of this server: the status says enough
  }
  const said = (parsed as { error?: unknown } | null)?.error
  throw new ApiError(
    response.status,
    typeof said === 'string' ? said : `the server replied with status ${response.status}`,
    parsed,
  )
}

async function json<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(path, body, signal)
  try {
    return (await response.json()) as T
  } catch (error) {
    // the server stopped while it was replying
    if (signal?.aborted) throw error
    throw new OfflineError('the reply of the server was cut off')
  }
}

const image = (name: string) => `images/${encodeURIComponent(name)}`

export const api = {
  session: () => json<ServerInfo>('session'),
  images: () => json<ImageSummary[]>('images'),
  pixels: async (name: string, signal?: AbortSignal) =>
    (await request(`${image(name)}/pixels`, undefined, signal)).blob(),
  document: (name: string, signal?: AbortSignal) => json<ReviewHistory>(`${image(name)}/document`, undefined, signal),
  log: (name: string, after: number) => json<LogEntry[]>(`${image(name)}/log?after=${after}`),
  candidates: (name: string) => json<CandidateFile>(`${image(name)}/candidates`),
  act: (name: string, request: ActionRequest) => json<ActionReply>(`${image(name)}/actions`, request),
  encode: (name: string, request: EncodeRequest, signal?: AbortSignal) =>
    json<EncodeReply>(`${image(name)}/encode`, request, signal),
  prompt: (name: string, request: PromptRequest, signal?: AbortSignal) =>
    json<PromptReply>(`${image(name)}/prompt`, request, signal),
  export: () => json<ExportReply>('export', {}),
}

export const isConflict = (error: unknown): error is ApiError & { body: ConflictReply } =>
  error instanceof ApiError && error.status === 409
