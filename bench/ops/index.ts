/** @file All benchmarks of single operations, in the order in which they are run. */
import type { MicroCase } from '../micro-case'
import { adamCases } from './adam'
import { attentionCases } from './attention'
import { convCases } from './conv'
import { crossAttentionCases } from './cross-attention'
import { geluCases } from './gelu'
import { gemmCases } from './gemm'
import { gemmVariantCases } from './gemm-variants'
import { layernormCases } from './layernorm'
import { loraCases } from './lora'
import { maskLogitsCases } from './mask-logits'
import { maskLossCases } from './mask-loss'
import { resizeCases } from './resize'
import { rowsCases } from './rows'
import { softmaxCases } from './softmax'
import { upscaleCases } from './upscale'

export const microCases: readonly MicroCase[] = [
  ...gemmCases,
  ...gemmVariantCases,
  ...loraCases,
  ...attentionCases,
  ...crossAttentionCases,
  ...layernormCases,
  ...softmaxCases,
  ...geluCases,
  ...convCases,
  ...upscaleCases,
  ...resizeCases,
  ...rowsCases,
  ...maskLogitsCases,
  ...maskLossCases,
  ...adamCases,
]
