/** @file Position encodings of point prompts and of the grid of the image embedding. Not differentiable. */
import shader from '../../shaders/prompt.wgsl'
import { type Graph, grid1d } from '../graph/graph'
import type { Tensor } from '../device/tensor'

export interface PromptTokensInputs {
  /** (P, N, 2) f32: x, y in pixels of the input. */
  coords: Tensor
  /** (P, N) i32, as in sam/prompt-labels. */
  labels: Tensor
  /** Side of the square input, in pixels. */
  inputSize: number
  /** (2, D/2): random Fourier frequencies, the Gaussian matrix of the checkpoint. */
  gaussian: Tensor
  /** (4, D): background, foreground, first and second box corner. */
  pointEmbeddings: Tensor
  /** (D): replaces the position encoding of entries labelled "not a point". */
  notAPoint: Tensor
}

/** Tokens (P, N, D) of points and box corners; absent entries are zeros. */
export function promptTokens(g: Graph, inputs: PromptTokensInputs): Tensor {
  const { coords, labels, inputSize, gaussian, pointEmbeddings, notAPoint } = inputs
  const dim = featuresOf(gaussian)
  const [prompts, points, two] = coords.shape
  if (coords.shape.length !== 3 || two !== 2)
    throw new Error(`promptTokens: coords [${coords.shape}] are not (P, N, 2)`)
  if (labels.size !== prompts * points)
    throw new Error(`promptTokens: labels [${labels.shape}] do not match coords [${coords.shape}]`)
  if (pointEmbeddings.size !== 4 * dim || notAPoint.size !== dim)
    throw new Error(
      `promptTokens: embeddings [${pointEmbeddings.shape}] and [${notAPoint.shape}] are not (4, ${dim}) and (${dim})`,
    )
  const out = g.tensor('prompt tokens', [prompts, points, dim])
  const params = { count: out.size, half: dim / 2, width: inputSize, height: inputSize }
  const bindings = { coords, labels, gaussian, embeddings: pointEmbeddings, other: notAPoint, out }
  g.dispatch(shader, 'tokens', bindings, params, grid1d(out.size))
  return out
}

/** The position encodings of all grid cells' centres, (height·width, D), row by row. */
export function densePosition(g: Graph, grid: { height: number; width: number; gaussian: Tensor }): Tensor {
  const { height, width, gaussian } = grid
  const dim = featuresOf(gaussian)
  const out = g.tensor('dense position', [height * width, dim])
  g.dispatch(shader, 'grid', { gaussian, out }, { count: out.size, half: dim / 2, width, height }, grid1d(out.size))
  return out
}

function featuresOf(gaussian: Tensor): number {
  if (gaussian.shape.length !== 2 || gaussian.shape[0] !== 2)
    throw new Error(`the position encoding's matrix is (2, D/2), not [${gaussian.shape}]`)
  return gaussian.size
}
