/** @file All benchmarks of whole runs, in the order in which they are run. */
import { inferenceCases } from './inference'
import type { MacroCase } from './macro-case'
import { trainingCases } from './training'

export const macroCases: readonly MacroCase[] = [...inferenceCases, ...trainingCases]
