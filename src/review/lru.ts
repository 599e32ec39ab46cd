/** @file A cache limited in bytes that evicts the least recently used entries. */

export class Lru<T> {
  private readonly entries = new Map<string, { value: T; bytes: number }>()
  private total = 0

  /** @param drop is called with every evicted or deleted value */
  constructor(
    readonly limit: number,
    private readonly drop: (value: T) => void = () => {},
  ) {}

  has(key: string): boolean {
    return this.entries.has(key)
  }

  get(key: string): T | undefined {
    const entry = this.entries.get(key)
    if (!entry) return undefined
    this.entries.delete(key)
    this.entries.set(key, entry)
    return entry.value
  }

  /** Adds an entry; the newest is kept even if it exceeds the limit alone. */
  set(key: string, value: T, bytes: number): void {
    this.delete(key)
    this.entries.set(key, { value, bytes })
    this.total += bytes
    for (const oldest of this.entries.keys()) {
      if (this.total <= this.limit || oldest === key) break
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const entry = this.entries.get(key)
    if (!entry) return
    this.entries.delete(key)
    this.total -= entry.bytes
    this.drop(entry.value)
  }

  clear(): void {
    for (const key of [...this.entries.keys()]) this.delete(key)
  }
}
