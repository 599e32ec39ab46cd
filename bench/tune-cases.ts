/** @file The shapes at which kernel variants are compared: shapes of each class that occur in a training step. */
import type { WindowClass } from '../engine/device/kernel-variants'
import { MATMUL_CLASSES, type MatmulClass, matmulClass } from '../engine/device/matmul-class'
import type { MicroCase } from './micro-case'
import { attentionCases } from './ops/attention'
import { type MatmulShape, recordMatmul } from './ops/gemm'

export interface TuneCases {
  matmul: Record<MatmulClass, MicroCase[]>
  attention: MicroCase[]
  attentionBackward: Record<WindowClass, MicroCase[]>
}

/** Matrix products of a training step: in an encoder with the given tokens and width, and in the decoder on the given pixels. */
function shapesOf(tokens: number, dim: number, pixels: number): MatmulShape[] {
  const gradients = [4, 16, 64].flatMap((rank): MatmulShape[] => [
    { layout: 'tn', m: 2 * rank, n: dim, k: tokens },
    { layout: 'tn', m: dim, n: rank, k: tokens },
  ])
  const lowRank = [4, 16].flatMap((rank): MatmulShape[] => [
    { layout: 'nt', m: tokens, n: 2 * rank, k: dim },
    { layout: 'nn', m: tokens, n: rank, k: dim },
  ])
  return [
    { layout: 'nt', m: tokens, n: 4 * dim, k: dim },
    { layout: 'nt', m: tokens, n: 3 * dim, k: dim, rank: 16 },
    { layout: 'nn', m: tokens, n: dim, k: 4 * dim },
    { layout: 'nn', m: tokens, n: dim, k: 3 * dim, rank: 16 },
    { layout: 'tn', m: 4 * dim, n: dim, k: Math.min(tokens, 4 * dim) },
    ...gradients,
    ...lowRank,
    // the decoder: its tokens, LoRA on them, and the mask products over all pixels
    { layout: 'nt', m: 64, n: 256, k: 256 },
    { layout: 'nn', m: 64, n: 256, k: 256 },
    { layout: 'tn', m: 32, n: 256, k: 448 },
    { layout: 'tn', m: pixels, n: 32, k: 4, batches: 8 },
    { layout: 'nn', m: 4, n: 32, k: pixels, batches: 8 },
    // a convolution of the neck, for a part of its pixels
    { layout: 'nt', m: pixels / 16, n: 256, k: 2304 },
  ]
}

/** Shapes of ViT-B at 512, eight images, for a GPU, of TinyViT at 512, one image, for a software adapter; long windows are ViT-B's. */
export function tuneCases(software: boolean): TuneCases {
  const shapes = software ? shapesOf(1024, 160, 4096) : shapesOf(8192, 768, 16384)
  const cases = attentionCases.filter(({ precision }) => !precision)
  const named = (name: string) => cases.filter((one) => one.name.startsWith(name))
  const short = named(`attention 32x32 window 14 heads ${software ? 5 : 12}`)
  const long = named(`attention 32x32 window 32 heads 12x64 (ViT-B 512, global${software ? ')' : ''}`)
  return {
    matmul: byClass(shapes),
    attention: software ? cases.filter(({ quick }) => quick) : [...short, ...long],
    attentionBackward: { short, long },
  }
}

function byClass(shapes: readonly MatmulShape[]): Record<MatmulClass, MicroCase[]> {
  const of = ({ layout, m, n, k }: MatmulShape) => matmulClass(layout, m, n, k)
  return Object.fromEntries(
    MATMUL_CLASSES.map((one) => [one, shapes.filter((shape) => of(shape) === one).map(caseOf)]),
  ) as Record<MatmulClass, MicroCase[]>
}

function caseOf(shape: MatmulShape): MicroCase {
  const { layout, m, n, k, batches = 1, rank = 0 } = shape
  const many = batches > 1 ? `${batches} of ` : ''
  return {
    name: `${many}${layout} ${m}x${n}x${k}${rank ? ` with LoRA of rank ${rank}` : ''}`,
    quick: true,
    record: (bench) => recordMatmul(bench, shape),
  }
}
