/** @file Reads the next of several items, such as images, while the GPU works on the present one. */

/** Items that are taken in order, each read once. */
export class ReadAhead<T> {
  private coming: { index: number; item: Promise<T>; ready: T | null } | null = null

  /** @param readers read one item each */
  constructor(private readonly readers: readonly (() => Promise<T>)[]) {}

  /**
   * An item, read ahead if it follows the one that was taken last. The one after it is read from the next turn of the event loop on, so
   * that what the caller does at once with this one is on its way to the GPU before.
   * @throws what reading this item throws, now and not before its turn
   */
  async take(index: number): Promise<T> {
    const { coming } = this
    this.coming = null
    const item = await (coming?.index === index ? coming.item : this.readers[index]())
    if (index + 1 < this.readers.length) this.begin(index + 1)
    return item
  }

  /** The item after the one that was taken last, if it is read by now. */
  get next(): T | null {
    return this.coming?.ready ?? null
  }

  private begin(index: number): void {
    const item = new Promise<void>((resolve) => setTimeout(resolve)).then(() => this.readers[index]())
    const coming: typeof this.coming = { index, item, ready: null }
    item.then(
      (read) => (coming.ready = read),
      // thrown where the item is taken; if it never is, nothing is wrong
      () => {},
    )
    this.coming = coming
  }
}
