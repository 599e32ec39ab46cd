/** @file The linear layer y = act(x·Wᵀ + b + LoRA) + residual, forward and backward. */
import type { Graph } from '../graph/graph'
import { Tensor } from '../device/tensor'
import { type Gemm, gemm } from './gemm'
import { fusesSlope, tensorBefore } from './gemm-matrix'
import { activateBackward } from './pointwise'

/**
 * LoRA matrices of one weight, for one or more ranges of its output columns (end exclusive):
 * y[start..end] += scale · B_i (A_i x). All A_i are stacked row-wise in `a` (ranges·rank, in), all B_i in `b` (sum of the
 * ranges' lengths, rank).
 */
export interface Lora {
  rank: number
  scale: number
  a: Tensor
  b: Tensor
  ranges: { start: number; end: number }[]
}

/** Fine-tuned rows of a weight, see engine/train/full-tuning.ts. */
export interface Tuned {
  /** (out, in), used in place of the layer's own weight: the sum of it and, in the rows of the parts, the differences. */
  weight: Tensor
  /** The differences (sum of the parts' rows, in), which get their gradient; null if they do not train. */
  delta: Tensor | null
  parts: { start: number; end: number }[]
}

export interface Linear {
  /** (out, in). */
  weight: Tensor
  bias?: Tensor | null
  lora?: Lora | null
  tuned?: Tuned | null
}

export interface LinearOptions {
  activation?: 'none' | 'gelu' | 'relu'
  residual?: Tensor | null
  label?: string
}

/**
 * x (rows, in) to act(x·Wᵀ + b + LoRA) + residual (rows, out). The gradient of the weight is computed only if it requires one.
 * @throws Error if the shapes do not fit
 */
export function linear(g: Graph, x: Tensor, layer: Linear, options: LinearOptions = {}): Tensor {
  const { bias, lora, tuned } = layer
  const weight = tuned?.weight ?? layer.weight
  const [n, k] = weight.shape
  const m = x.size / k
  const activation = options.activation ?? 'none'
  const { residual } = options
  if (x.size % k || x.columns !== k) throw new Error(`${weight.label} [${weight.shape}] does not fit x [${x.shape}]`)
  if (residual && residual.size !== m * n) throw new Error(`${weight.label}: the residual has another size`)
  const y = g.tensor(options.label ?? `${weight.label}: y`, [m, n])
  const inputs = [x, weight, bias, lora?.a, lora?.b, tuned?.delta]
  const keepPre = g.training && activation !== 'none' && inputs.some((tensor) => tensor?.requiresGrad)

  const down = lora ? g.tensor(`${weight.label}: LoRA down-projection`, [m, lora.ranges.length * lora.rank]) : null
  if (lora && down) {
    const columns = down.columns
    gemm(g, {
      layout: 'nt',
      m,
      n: columns,
      k,
      a: rows(x, k),
      b: rows(lora.a, k),
      c: rows(down, columns),
      operand: true,
    })
  }
  const extensions = lora ? extensionsOf(lora) : []
  const product: Gemm = {
    layout: 'nt',
    m,
    n,
    k,
    a: rows(x, k),
    b: rows(weight, k),
    c: rows(y, n),
    bias,
    activation,
    residual,
    operand: activation !== 'none',
    lora: lora && down ? { left: down, right: lora.b, rank: lora.rank, scale: lora.scale, extensions } : null,
  }
  const pre = keepPre ? tensorBefore(g, product, `${weight.label}: before ${activation}`) : null
  gemm(g, { ...product, pre })

  g.record(pre ? inputs : [...inputs, residual], pre ?? y, (dpre) => {
    if (!inputs.some((tensor) => tensor?.requiresGrad)) return g.passGradient(residual, dpre)
    const ddown = lora && down ? loraBackward(g, lora, x, down, dpre) : null
    const back: Gemm = {
      layout: 'nn',
      m,
      n: k,
      k: n,
      a: rows(dpre, n),
      b: rows(weight, k),
      c: rows(x, k),
      lora: lora && ddown && { left: ddown, right: lora.a, rank: ddown.columns, scale: 1, extensions: [wholeOf(k)] },
    }
    // the gradient of the values before the GELU that made x, at once
    const before = g.leadsBack(x) ? geluInputs.get(x.root ?? x) : null
    const slope = before && fusesSlope(g.engine, back) ? before : null
    const dx = g.gradientTarget(slope ?? x)
    if (dx) gemm(g, { ...back, c: rows(dx.tensor, k), accumulate: dx.accumulate, slope, operand: slope !== null })
    const dw = g.gradientTarget(weight)
    if (dw)
      gemm(g, {
        layout: 'tn',
        m: n,
        n: k,
        k: m,
        a: rows(dpre, n),
        b: rows(x, k),
        c: rows(dw.tensor, k),
        accumulate: dw.accumulate,
      })
    if (tuned) tunedBackward(g, tuned, x, dpre)
    addBiasGradient(g, bias, dpre)
    if (!pre) g.passGradient(residual, dpre)
  })
  if (!pre || activation === 'none') return y
  if (activation === 'gelu' && !residual) geluInputs.set(y, pre)
  g.record([pre, residual], y, (dy) => {
    activateBackward(g, activation, pre, dy, g.gradientTarget(pre))
    g.passGradient(residual, dy)
  })
  return y
}

/** Of outputs of layers with GELU, the values before it: a layer that reads such an output may compute their gradient itself. */
const geluInputs = new WeakMap<Tensor, Tensor>()

/** Records the gradient of a bias that was added to every row: the sums of the columns of dy (rows, bias). */
export function addBiasGradient(g: Graph, bias: Tensor | null | undefined, dy: Tensor): void {
  const db = g.gradientTarget(bias)
  if (!db) return
  const { rows: m, columns: n } = dy
  const ones = g.constant(`${m} ones`, [m], () => new Float32Array(m).fill(1))
  gemm(g, {
    layout: 'tn',
    m: n,
    n: 1,
    k: m,
    a: rows(dy, n),
    b: rows(ones, 1),
    c: rows(db.tensor, 1),
    accumulate: db.accumulate,
  })
}

/** The gradient of the tuned rows of the weight: dyᵀ·x for each of their ranges. */
function tunedBackward(g: Graph, { delta, parts }: Tuned, x: Tensor, dy: Tensor): void {
  const target = g.gradientTarget(delta)
  if (!target) return
  const k = x.columns
  let row = 0
  for (const { start, end } of parts) {
    gemm(g, {
      layout: 'tn',
      m: end - start,
      n: k,
      k: x.rows,
      a: { ...rows(dy, dy.columns), offset: start },
      b: rows(x, k),
      c: { ...rows(target.tensor, k), offset: row * k },
      accumulate: target.accumulate,
    })
    row += end - start
  }
}

/** Records the gradients of A and B. Returns the gradient of x·Aᵀ (rows, ranges·rank), already multiplied by the scale. */
function loraBackward(g: Graph, lora: Lora, x: Tensor, down: Tensor, dy: Tensor): Tensor {
  const { rank, scale, ranges } = lora
  const m = dy.rows
  const n = dy.columns
  const columns = down.columns
  const k = x.columns
  const ddown = g.tensor(`${lora.a.label}: gradient of the down-projection`, down.shape, 'gradient')
  const db = g.gradientTarget(lora.b)
  extensionsOf(lora).forEach(({ offset, column }, i) => {
    const { start, end } = ranges[i]
    const out = end - start
    const part = { ...rows(dy, n), offset: start, complete: true }
    const b = { ...rows(lora.b, rank), offset, complete: true }
    gemm(g, {
      layout: 'nn',
      m,
      n: rank,
      k: out,
      a: part,
      b,
      c: { ...rows(ddown, columns), offset: column },
      alpha: scale,
    })
    if (db)
      gemm(g, {
        layout: 'tn',
        m: out,
        n: rank,
        k: m,
        a: part,
        b: { ...rows(down, columns), offset: column, complete: true },
        c: { ...rows(db.tensor, rank), offset },
        alpha: scale,
        accumulate: db.accumulate,
      })
  })
  const da = g.gradientTarget(lora.a)
  if (da)
    gemm(g, {
      layout: 'tn',
      m: columns,
      n: k,
      k: m,
      a: rows(ddown, columns),
      b: rows(x, k),
      c: rows(da.tensor, k),
      accumulate: da.accumulate,
    })
  return ddown
}

function extensionsOf(lora: Lora) {
  let offset = 0
  return lora.ranges.map(({ start, end }, i) => {
    const extension = { start, end, column: i * lora.rank, offset }
    offset += (end - start) * lora.rank
    return extension
  })
}

const rows = (tensor: Tensor, stride: number) => ({ tensor, stride })
const wholeOf = (n: number) => ({ start: 0, end: n, column: 0, offset: 0 })
