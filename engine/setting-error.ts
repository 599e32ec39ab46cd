/** @file The error of a setting that cannot be used. */

/** A setting or an input that does not fit the model or the GPU, or that contradicts another. The message says which, and what would fit. */
export class SettingError extends Error {
  override name = 'SettingError'
}
