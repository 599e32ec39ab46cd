/** @file Embeddings that tell particles from ground, whatever the toy model computes: what a search for similar ones finds is then known. */
import { type Region, wholeRegion } from '../../engine/image/box'
import type { Size } from '../../engine/image/size'
import type { SamModel } from '../../engine/sam/sam-model'
import { EncodedParts } from '../../src/review/encoded-parts'

/** Half the side of the square around a particle's centre in which the features are its own, in pixels of the image. */
const HALF = 5

/**
 * Replaces the embeddings that searches see; images are encoded all the same.
 * @param size of all images
 * @param particles centres in pixels
 * @param onTile called before each embedding, and waited for
 * @returns a function that ends it
 */
export function drawFeatures(
  { side, architecture }: SamModel,
  size: Size,
  particles: readonly (readonly number[])[],
  onTile: () => Promise<void> = async () => {},
): () => void {
  const { dim } = architecture.decoder
  const draw = (region: Region): Float32Array => {
    const step = Math.max(region.right - region.left, region.bottom - region.top) / side
    const data = new Float32Array(side * side * dim)
    for (let at = 0; at < side * side; at++) {
      const x = ((at % side) + 0.5) * step + region.left
      const y = (Math.floor(at / side) + 0.5) * step + region.top
      const on = particles.some(([px, py]) => Math.abs(px - x) < HALF && Math.abs(py - y) < HALF)
      data[at * dim] = on ? 3 : 0
      data[at * dim + 1] = on ? 0 : 3
      data[at * dim + 2] = 0.2 * Math.sin(at)
    }
    return data
  }
  const { embedding } = EncodedParts.prototype
  EncodedParts.prototype.embedding = async function (predictor, file, region) {
    await onTile()
    await embedding.call(this, predictor, file, region)
    return draw(region ?? wholeRegion(size))
  }
  return () => void (EncodedParts.prototype.embedding = embedding)
}
