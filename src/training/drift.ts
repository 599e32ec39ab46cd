/**
 * @file Keeps the parameters of all ranks equal. Every rank makes the same update of the same sums, but GPUs of different kinds may round
 * differently, and after thousands of steps the ranks would then train different adapters.
 */
import { createHash } from 'node:crypto'
import type { Adaptation } from '../../engine/finetune/adaptation'
import type { ParameterState } from '../../engine/train/parameters'
import type { Communicator } from '../mpi/communicator'
import { shareParameters } from './joint-training'

export class DriftGuard {
  private said = false

  constructor(
    private readonly ranks: Communicator,
    private readonly adaptation: Pick<Adaptation, 'parameters' | 'refresh'>,
    private readonly log: (line: string) => void,
  ) {}

  /** Compares the parameters of all ranks, and gives those of rank 0 to all if any differ. @returns the ranks that had others */
  async check(): Promise<number[]> {
    const { ranks, adaptation } = this
    const all = await ranks.agree(digest(await adaptation.parameters.download()))
    const others = all.flatMap((words, rank) => (words.every((word, i) => word === all[0][i]) ? [] : [rank]))
    if (!others.length) return []
    await shareParameters(ranks, adaptation.parameters)
    if (ranks.rank) adaptation.refresh()
    if (!this.said)
      this.log(
        `the parameters of rank ${others.join(', ')} were no longer those of rank 0, because their GPUs round differently; they are set to ` +
          'those of rank 0, now and whenever a checkpoint is written',
      )
    this.said = true
    return others
  }
}

/** 128 bits that differ if any value does, as numbers. */
function digest(states: readonly ParameterState[]): number[] {
  const hash = createHash('sha256')
  for (const { values, m, v, average } of states)
    for (const array of [values, m, v, ...(average ? [average] : [])])
      hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  const bytes = hash.digest()
  return [0, 4, 8, 12].map((at) => bytes.readUInt32LE(at))
}
