/** @file The back end that answers the page: the server, unless the page that shows the review has named another. */
import type { ConflictReply } from '../protocol'
import type { ReviewApi } from '../review-api'
import { httpApi } from './http-api'
import { ApiError, OfflineError } from './request'

export { ApiError, OfflineError }

export let api: ReviewApi = httpApi

/** Names the back end; before the page is started. */
export const useBackEnd = (backEnd: ReviewApi): void => void (api = backEnd)

export const isConflict = (error: unknown): error is ApiError & { body: ConflictReply } =>
  error instanceof ApiError && error.status === 409
