/** @file The maps from which prompts are found: what a prompt head predicts for each place of the model's input. */

/**
 * Three maps of probabilities over the model's square input, each row-major with `side` rows, on a grid of 4 input pixels:
 * `side` is a quarter of the input's side. The image is in the top left corner, as in the model's input; what is beyond it
 * has no meaning.
 */
export interface PromptMaps {
  side: number
  /** The probability that a place belongs to a particle. */
  foreground: Float32Array
  /** 1 at the innermost point of each particle, falling to 0 with the distance from it. */
  centre: Float32Array
  /** The distance to the particle's boundary, as a fraction of the largest in the same particle; 0 outside. */
  distance: Float32Array
}
