/** @file Disjoint sets of indices (union-find). */

export class DisjointSets {
  private readonly parent: Int32Array
  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, i) => i)
  }

  root(i: number): number {
    while (this.parent[i] !== i) i = this.parent[i] = this.parent[this.parent[i]]
    return i
  }

  unite(a: number, b: number): void {
    const [one, other] = [this.root(a), this.root(b)]
    this.parent[Math.max(one, other)] = Math.min(one, other)
  }
}
