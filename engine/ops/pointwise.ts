/** @file Elementwise operations, forward and backward. */
import pointwise from '../../shaders/pointwise.wgsl'
import { type Graph, type GradientTarget, grid1d } from '../graph/graph'
import type { Tensor } from '../graph/tensor'

export const ACTIVATION = { none: 0, gelu: 1, relu: 2, sigmoid: 3 } as const
export type Activation = keyof typeof ACTIVATION

const params = (count: number, more: Partial<Record<'accumulate' | 'activation' | 'repeat' | 'alpha' | 'beta', number>>) => ({
  count,
  accumulate: 0,
  activation: 0,
  repeat: count,
  alpha: 1,
  beta: 1,
  ...more,
})

/** target (+)= alpha * source, both of the same size. */
export function addScaled(g: Graph, source: Tensor, target: GradientTarget, alpha = 1): void {
  const { tensor: out, accumulate } = target
  const values = params(source.size, { accumulate, alpha })
  g.dispatch(pointwise, 'scale', { a: source, out }, values, grid1d(source.size))
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
 * a + b. `b` may be shorter by leading dimensions: it is then repeated (a position encoding over a batch). A repeated b
 * must be constant: its gradient is refused.
 */
export function add(g: Graph, a: Tensor, b: Tensor): Tensor {
  if (a.size % b.size) throw new Error(`add: [${b.shape}] does not repeat into [${a.shape}]`)
  if (g.training && b.requiresGrad && a.size !== b.size) throw new Error(`add: no gradient for the repeated ${b.label}`)
  const y = g.tensor(`${a.label} + ${b.label}`, a.shape)
  g.dispatch(pointwise, 'combine', { a, b, out: y }, params(a.size, { repeat: b.size }), grid1d(a.size))
  g.record([a, b], y, (dy) => {
    g.passGradient(a, dy)
    g.passGradient(b, dy)
  })
  return y
}

/** Sets every element. */
export function fill(g: Graph, target: Tensor, value: number): void {
  g.dispatch(pointwise, 'fill', { out: target }, params(target.size, { alpha: value }), grid1d(target.size))
}

/** Exact GELU, ReLU or sigmoid; keeps x for its backward. */
export function activate(g: Graph, x: Tensor, activation: Exclude<Activation, 'none'>): Tensor {
  const y = g.tensor(`${activation} of ${x.label}`, x.shape)
  const values = params(x.size, { activation: ACTIVATION[activation] })
  g.dispatch(pointwise, 'activate', { a: x, out: y }, values, grid1d(x.size))
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
  const values = params(x.size, { activation: ACTIVATION[activation], accumulate: target.accumulate })
  g.dispatch(pointwise, 'activate_backward', { a: x, b: dy, out: target.tensor }, values, grid1d(x.size))
}
