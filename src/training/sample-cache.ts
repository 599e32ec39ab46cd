/** @file Decoded images kept in memory between epochs. */
import { loadItem, type DatasetItem } from '../dataset/dataset'
import type { Sample } from '../dataset/sample'

/** The least recently used are given up first. */
export class SampleCache {
  private readonly samples = new Map<string, Sample>()
  private bytes = 0

  constructor(private readonly most: number) {}

  async get(item: DatasetItem): Promise<Sample> {
    const known = this.samples.get(item.id)
    const sample = known ?? (await loadItem(item))
    this.samples.delete(item.id)
    this.samples.set(item.id, sample)
    if (!known) this.bytes += sizeOf(sample)
    for (const [id, oldest] of this.samples) {
      if (this.bytes <= this.most) break
      this.samples.delete(id)
      this.bytes -= sizeOf(oldest)
    }
    return sample
  }
}

const sizeOf = ({ rgb, labels }: Sample): number => rgb.byteLength + labels.byteLength
