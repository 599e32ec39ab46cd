/** @file What can go wrong on the device, as types that a host can tell apart. */

/**
 * The device refused what the engine asked of it, or could not do it. Every later result of the engine would be wrong.
 * @example
 * try {
 *   await generate(model, image)
 * } catch (error) {
 *   if (!(error instanceof GpuError)) throw error
 *   showNote(`the graphics card: ${error.message}`)
 * }
 */
export class GpuError extends Error {
  override name = 'GpuError'
}

/**
 * The device could not allocate memory.
 * @example
 * try {
 *   await SamModel.load(engine, weights, architecture, { inputSize: 1024 })
 * } catch (error) {
 *   if (!(error instanceof GpuOutOfMemoryError)) throw error
 *   showNote('choose a smaller input size')
 * }
 */
export class GpuOutOfMemoryError extends GpuError {
  override name = 'GpuOutOfMemoryError'
}

/**
 * The device is gone: its driver was reset, the machine slept, or the host destroyed it. Models must be loaded on a new one.
 * @example
 * try {
 *   await segmenter.segment(image, { points: [{ x: 120, y: 80 }] })
 * } catch (error) {
 *   if (!(error instanceof DeviceLostError)) throw error
 *   showNote('the device is lost: request a new one, and load the model again')
 * }
 */
export class DeviceLostError extends GpuError {
  override name = 'DeviceLostError'
}

/** The typed form of an error that the device reported. */
export function toGpuError(error: GPUError): GpuError {
  const outOfMemory = error.constructor.name === 'GPUOutOfMemoryError'
  if (outOfMemory) return new GpuOutOfMemoryError(`the GPU is out of memory: ${error.message}`)
  return new GpuError(`the GPU device reported an error: ${error.message}`)
}
