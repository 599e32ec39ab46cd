/** @file All benchmarks of single operations, in the order in which they are run. */
import type { MicroCase } from '../micro-case'
import { cases as adam } from './adam'
import { cases as attention } from './attention'
import { cases as conv } from './conv'
import { cases as crossAttention } from './cross-attention'
import { cases as gelu } from './gelu'
import { cases as gemm } from './gemm'
import { cases as layernorm } from './layernorm'
import { cases as lora } from './lora'
import { cases as maskLoss } from './mask-loss'
import { cases as resize } from './resize'
import { cases as rows } from './rows'
import { cases as softmax } from './softmax'
import { cases as upscale } from './upscale'

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
