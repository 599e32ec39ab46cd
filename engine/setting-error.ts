/** @file The error of a setting that cannot be used. */

/**
 * A setting or an input that does not fit the model or the GPU, or that contradicts another. The message says which, and what would fit.
 * @example
 * try {
 *   await train(model, samples, { batch: 0 })
 * } catch (error) {
 *   if (!(error instanceof SettingError)) throw error
 *   showNote(error.message) // batch must be a whole number from 1 to 1024, not 0
 * }
 */
export class SettingError extends Error {
  override name = 'SettingError'
}
