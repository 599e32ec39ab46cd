/** @file Cache of decoded images between epochs. */
import { loadItem, type DatasetItem } from '../dataset/dataset'
import type { Sample } from '../../engine/image/sample'

/** An LRU cache of `maxBytes` at most. */
export class SampleCache {
  private readonly samples = new Map<string, Sample>()
  private bytes = 0

  constructor(private readonly maxBytes: number) {}

  async get(item: DatasetItem): Promise<Sample> {
    const cached = this.samples.get(item.id)
    const sample = cached ?? (await loadItem(item))
    this.samples.delete(item.id)
    this.samples.set(item.id, sample)
    if (!cached) this.bytes += sizeOf(sample)
    for (const [id, oldest] of this.samples) {
      if (this.bytes <= this.maxBytes) break
      this.samples.delete(id)
      this.bytes -= sizeOf(oldest)
    }
    return sample
  }
}

const sizeOf = ({ rgb, labels }: Sample): number => rgb.byteLength + labels.byteLength
