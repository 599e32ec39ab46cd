/** @file Requests of a page to its server. Paths are relative to the page's own address, which contains the token. */

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

/** A request to api/PATH, a POST if it has a body. @throws ApiError, OfflineError */
export async function request(path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
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

/** The reply as JSON. @throws ApiError, OfflineError */
export async function json<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(path, body, signal)
  try {
    return (await response.json()) as T
  } catch (error) {
    // the server stopped while it was replying
    if (signal?.aborted) throw error
    throw new OfflineError('the reply of the server was cut off')
  }
}
