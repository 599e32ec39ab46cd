/** @file An error that a server sends as a response. It imports nothing, so that pages can throw and catch it too. */

/** An error that is sent as a response with this status and message. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** Additional fields of the response. */
    readonly more: object = {},
  ) {
    super(message)
  }
}
