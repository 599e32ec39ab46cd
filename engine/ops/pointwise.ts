/** @file Elementwise operations, forward and backward. */
import { elementwise } from '../graph/elementwise'
import type { Graph, GradientTarget } from '../graph/graph'
import type { Tensor } from '../device/tensor'

export const ACTIVATION = { none: 0, gelu: 1, relu: 2, sigmoid: 3 } as const
export type Activation = keyof typeof ACTIVATION

/** target (+)= alpha * source, both of the same size. */
export function addScaled(g: Graph, source: Tensor, target: GradientTarget, alpha = 1): void {
  const { tensor: out, accumulate } = target
  elementwise(g, 'scale', { a: source, out }, source.size, { accumulate, alpha })
}

/** alpha * x. */
export function scale(g: Graph, x: Tensor, alpha: number): Tensor {
  const y = g.tensor(`scale of ${x.label}`, x.shape)
  addScaled(g, x, { tensor: y, accumulate: 0 }, alpha)
  g.record([x], y, (dy) => {
    const dx = g.gradientTarget(x)
    if (dx) addScaled(g, dy, dx, alpha)
  })
  return y
}

/**
 * a + b. `b` may lack leading dimensions of `a`, over which it is then repeated (a position encoding over a batch).
 * @throws Error if b does not repeat into a, or a repeated b requires a gradient
 */
export function add(g: Graph, a: Tensor, b: Tensor): Tensor {
  if (a.size % b.size) throw new Error(`add: [${b.shape}] does not repeat into [${a.shape}]`)
  if (g.training && b.requiresGrad && a.size !== b.size) throw new Error(`add: no gradient for the repeated ${b.label}`)
  const y = g.tensor(`${a.label} + ${b.label}`, a.shape)
  elementwise(g, 'combine', { a, b, out: y }, a.size, { repeat: b.size })
  g.record([a, b], y, (dy) => {
    g.passGradient(a, dy)
    g.passGradient(b, dy)
  })
  return y
}

/** target (+)= a * b elementwise; `b` may lack leading dimensions of `a`, over which it is then repeated. @throws Error if it does not fit */
export function addProduct(g: Graph, a: Tensor, b: Tensor, { tensor: out, accumulate }: GradientTarget): void {
  if (a.size % b.size) throw new Error(`multiply: [${b.shape}] does not repeat into [${a.shape}]`)
  elementwise(g, 'multiply', { a, b, out }, a.size, { accumulate, repeat: b.size })
}

/** Sets every element to `value`. */
export function fill(g: Graph, target: Tensor, value: number): void {
  elementwise(g, 'fill', { out: target }, target.size, { alpha: value })
}

/** Exact GELU (by erf), ReLU or sigmoid; the backward pass needs x. */
export function activate(g: Graph, x: Tensor, activation: Exclude<Activation, 'none'>): Tensor {
  const y = g.tensor(`${activation} of ${x.label}`, x.shape)
  elementwise(g, 'activate', { a: x, out: y }, x.size, { activation: ACTIVATION[activation] })
  g.record([x], y, (dy) => activateBackward(g, activation, x, dy, g.gradientTarget(x)))
  return y
}

/** dx (+)= act'(x) * dy. */
export function activateBackward(
  g: Graph,
  activation: Exclude<Activation, 'none'>,
  x: Tensor,
  dy: Tensor,
  target: GradientTarget | null,
): void {
  if (!target) return
  const settings = { activation: ACTIVATION[activation], accumulate: target.accumulate }
  elementwise(g, 'activate_backward', { a: x, b: dy, out: target.tensor }, x.size, settings)
}
