/** @file Another mask threshold or stability offset for candidates that kept their logits, without the model. */
import type { Candidate, CandidateSet } from './candidate'

export interface Rethreshold {
  maskThreshold: number
  stabilityScoreOffset: number
  /** As in GeneratorOptions; 0 by default. */
  fillHoles?: number
  dropIslands?: number
}

/** The same candidates at other thresholds. */
export function rethreshold(_set: CandidateSet, _options: Rethreshold): CandidateSet<Candidate> {
  throw new Error('not yet')
}
