/**
 * @file Fused attention on matrix units (tensor cores): operands are rounded to f16, sums are in f32, so results have the
 * accuracy of TF32. Gradients are multiplied by a power of two for each window and head, which the kernels find.
 */
import backwardKv from '../../shaders/attention-matrix-backward-kv.wgsl'
import backwardQ from '../../shaders/attention-matrix-backward-q.wgsl'
import forward from '../../shaders/attention-matrix-forward.wgsl'
import prepare from '../../shaders/attention-matrix-prepare.wgsl'
import relative from '../../shaders/attention-matrix-relative.wgsl'
import type { Engine } from '../device/engine'
import { grid1d } from '../device/grid'
import type { Tensor } from '../device/tensor'
import type { Graph } from '../graph/graph'
import { attentionGradientByProducts, gradientIsByProducts } from './attention-materialised'
import type { AttentionOptions, AttentionShape } from './attention-shape'
import { paddingGradient } from './attention-terms'

/** Positions that a workgroup owns. */
const OWN = 64
/** Columns of a matrix. */
const SIDE = 16
/** Columns of keys that are processed together. */
const TILE = 32
/** Maximum head dimension: four matrices. */
const MAX_HEAD = 64
/** Bytes of workgroup memory that each kernel takes at most. */
const WORKGROUP_BYTES = 28_672

/**
 * True if the engine asks for matrix units and the kernels can compute this attention: heads of at most 64 channels, and
 * relative positions or a bias, but not both.
 */
export function runsOnMatrixUnits(
  { variants, matrixUnits, device }: Engine,
  { head }: AttentionShape,
  { relPos, bias }: AttentionOptions,
): boolean {
  if (variants.attention !== 'matrix' || matrixUnits?.subgroupSize !== 32) return false
  if (device.limits.maxComputeWorkgroupStorageSize < WORKGROUP_BYTES) return false
  return head <= MAX_HEAD && !(relPos && bias)
}

/** As `attention`, whose documentation applies. `runsOnMatrixUnits` must be true. */
export function attentionOnMatrixUnits(
  g: Graph,
  qkv: Tensor,
  ofTokens: AttentionShape,
  options: AttentionOptions,
): Tensor {
  const { relPos, bias } = options
  const { map, channels, head, scale } = ofTokens
  const tiles = Math.ceil(map.length / OWN)
  // rows of terms, and of statistics, hold whole tiles
  const shape = { ...ofTokens, params: { ...ofTokens.params, quads: (tiles * OWN) / 4 } }
  const { rows, tokens } = map
  const all = map.windows * shape.params.heads
  const values = {
    ...shape.params,
    // without relative positions a window is one line of keys
    side_h: relPos ? map.sideH : 1,
    side_w: relPos ? map.sideW : map.length,
    scale,
    relative: relPos ? 1 : 0,
    biased: bias ? 1 : 0,
    keep: 0,
    accumulate: 0,
  }
  const lines = values.side_h * Math.ceil(values.side_w / SIDE)
  const grid = [tiles, all] as const
  const constants = { parts: head <= 32 ? 2 : 4 }
  const tables = { table_h: relPos?.h ?? null, table_w: relPos?.w ?? null }

  /** Terms of the scores. Matrices of the last columns may reach beyond them. */
  const termsOf = (): Tensor | null => {
    const width = 4 * shape.params.quads
    if (relPos) {
      const terms = g.tensor('attention: relative terms', [all * (map.sideH + map.sideW) + TILE, width])
      // the terms are products of q itself, not of q times the scale
      g.dispatch(relative, 'relative', { qkv, rows, ...tables, rel: terms }, { ...values, scale: 1 }, grid, constants)
      return terms
    }
    if (!bias) return null
    const terms = g.tensor('attention: transposed bias', [shape.params.heads * map.length + TILE, width])
    const count = shape.params.heads * map.length * width
    g.dispatch(prepare, 'transpose_bias', { bias, bias_terms: terms }, values, grid1d(count, 64))
    return terms
  }

  const out = g.tensor('attention', [tokens, channels])
  const training = g.training && qkv.requiresGrad
  const byProducts = gradientIsByProducts(g.engine, map.length)
  const kept =
    training && !byProducts ? g.tensor('attention: statistics', [all, shape.params.quads, 2, 4], 'statistic') : null
  const bindings = { qkv, rows, terms: termsOf(), out, kept }
  g.dispatch(forward, 'forward', bindings, { ...values, keep: kept ? 1 : 0 }, grid, constants)
  g.record([qkv], out, (dout) => {
    const target = g.gradientTarget(qkv)
    if (!target) return
    if (byProducts) return attentionGradientByProducts(g, qkv, dout, target, options)
    const { tensor: dqkv, accumulate } = target
    const terms = termsOf()
    const norms = g.tensor('attention: norms', [all, tiles, 2])
    const drel = relPos
      ? g.tensor('attention: relative gradient', [all, map.sideH + map.sideW, 4 * shape.params.quads])
      : null
    const dpads = map.pads ? g.tensor('attention: gradient of padding', [map.pads, 2 * channels]) : null
    g.dispatch(prepare, 'statistics', { rows, qkv, y: out, dout, kept, norms }, values, grid)
    const both = { qkv, rows, terms, stats: kept, norms, dout, dqkv }
    const added = { ...values, accumulate }
    g.dispatch(backwardQ, 'backward_q', { ...both, drel }, added, grid, constants)
    g.dispatch(backwardKv, 'backward_kv', { ...both, dpads }, added, [Math.ceil(lines / (OWN / SIDE)), all], constants)
    if (relPos) {
      const bindings = { rows, terms: drel, norms, dqkv, ...tables }
      g.dispatch(relative, 'relative_backward', bindings, { ...values, accumulate: 1 }, grid, constants)
    }
    if (dpads) paddingGradient(g, dpads, target, shape)
  })
  return out
}
