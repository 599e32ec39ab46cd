/** @file All benchmarks of single operations, in the order in which they are run. */
import type { MicroCase } from './case'
import { cases as adam } from './ops/adam'
import { cases as attention } from './ops/attention'
import { cases as conv } from './ops/conv'
import { cases as crossAttention } from './ops/cross-attention'
import { cases as gelu } from './ops/gelu'
import { cases as gemm } from './ops/gemm'
import { cases as layernorm } from './ops/layernorm'
import { cases as lora } from './ops/lora'
import { cases as maskLoss } from './ops/mask-loss'
import { cases as resize } from './ops/resize'
import { cases as rows } from './ops/rows'
import { cases as softmax } from './ops/softmax'
import { cases as upscale } from './ops/upscale'

export const microCases: readonly MicroCase[] = [
  ...gemm,
  ...lora,
  ...attention,
  ...crossAttention,
  ...layernorm,
  ...softmax,
  ...gelu,
  ...conv,
  ...upscale,
  ...resize,
  ...rows,
  ...maskLoss,
  ...adam,
]
