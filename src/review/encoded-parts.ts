/** @file The embeddings of images, or of parts of them, kept in memory, and the one that a predictor holds. */
import { type Region, regionKey, regionSize } from '../../engine/image/box'
import { cropImage, type RgbImage } from '../../engine/image/rgb-image'
import type { Predictor } from '../../engine/sam/predictor'
import { Lru } from './lru'

export interface ImageFile {
  name: string
  /** The file; '' where images are not files, as in a page. */
  path: string
}

/** Reads an image's pixels as 8-bit RGB. */
export type ReadPixels = (image: ImageFile) => Promise<RgbImage>

export class EncodedParts {
  private readonly embeddings: Lru<Float32Array>
  /** The key of the embedding that the predictor holds, see keyOf. */
  private current: string | null = null
  /** The image whose parts are encoded. */
  private pixels: { name: string; image: RgbImage } | null = null

  /**
   * @param bytes memory for embeddings
   * @param pixelsOf reads an image
   */
  constructor(
    bytes: number,
    private readonly pixelsOf: ReadPixels,
  ) {
    this.embeddings = new Lru(bytes)
  }

  /** Whether the embedding of a part of an image, or of the whole (null), is in memory. */
  has(name: string, region: Region | null): boolean {
    return this.embeddings.has(keyOf(name, region))
  }

  /** The predictor was replaced. */
  forget(): void {
    this.current = null
  }

  /**
   * Loads the embedding of an image or a part of it into the predictor.
   * @param region null for the whole image
   * @returns the encoding time in ms; 0 if it was in memory
   */
  async hold(predictor: Predictor, image: ImageFile, region: Region | null): Promise<number> {
    if (this.recall(predictor, image.name, region)) return 0
    const start = performance.now()
    const part = await this.part(image, region)
    this.current = null
    predictor.setImage(part)
    await this.keep(predictor, keyOf(image.name, region))
    return performance.now() - start
  }

  /** As `hold` for a whole image, in parts: others may use the predictor in `between`. */
  async holdInParts(predictor: Predictor, image: ImageFile, between: () => Promise<void>): Promise<number> {
    const start = performance.now()
    for (;;) {
      if (this.recall(predictor, image.name, null)) return 0
      const whole = await this.part(image, null)
      // encoded from the beginning again if another image was encoded in between
      if (await predictor.setImageInParts(whole, between)) break
    }
    this.current = null
    await this.keep(predictor, keyOf(image.name, null))
    return performance.now() - start
  }

  /** The embedding (side², D) of a part, which is then also the predictor's. */
  async embedding(predictor: Predictor, image: ImageFile, region: Region | null): Promise<Float32Array> {
    await this.hold(predictor, image, region)
    return this.embeddings.get(keyOf(image.name, region))!
  }

  /** Loads an embedding that is in memory into the predictor. @returns whether it is */
  private recall(predictor: Predictor, name: string, region: Region | null): boolean {
    const key = keyOf(name, region)
    if (this.current === key) return true
    const kept = this.embeddings.get(key)
    if (!kept) return false
    predictor.setEmbedding(kept)
    this.current = key
    return true
  }

  private async keep(predictor: Predictor, key: string): Promise<void> {
    const embedding = await predictor.embedding()
    this.embeddings.set(key, embedding, embedding.byteLength)
    this.current = key
  }

  private async part(image: ImageFile, region: Region | null): Promise<RgbImage> {
    const whole = await this.read(image, region !== null)
    return region ? { ...regionSize(region), rgb: cropImage(whole, region) } : whole
  }

  /** @param keep keep the pixels until those of another image are kept, because more of its parts will follow */
  private async read(file: ImageFile, keep: boolean): Promise<RgbImage> {
    const { name } = file
    if (this.pixels?.name === name) return this.pixels.image
    const image = await this.pixelsOf(file)
    if (keep) this.pixels = { name, image }
    return image
  }
}

/** A text for each image, or part of an image. */
const keyOf = (name: string, region: Region | null): string => `${region ? regionKey(region) : 'whole'} ${name}`
