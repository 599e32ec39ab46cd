/** @file Infers the architecture of the model in a checkpoint from the shapes of its tensors. */
import * as v from 'valibot'
import type {
  Architecture,
  DecoderArchitecture,
  PixelNorm,
  TinyVitArchitecture,
  VitArchitecture,
} from '../../engine/sam/architecture'
import { PIXEL_MEAN, PIXEL_STD } from '../../engine/sam/sam-model'
import { UserError } from '../host/errors'
import type { Checkpoint } from './checkpoint'
import { describeNames } from './describe-names'
import { finiteNumber, problemOf } from '../text/check-value'

export { expectedTensors, validateCheckpoint } from './expected-tensors'

/** The optional configuration of a model: needed only for what the shapes leave open. */
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const counts = v.array(count)
const colour = v.strictTuple([finiteNumber, finiteNumber, finiteNumber], 'three numbers, of red, green and blue')
const configSchema = v.object({
  vision: v.optional(
    v.object({
      dim: v.optional(count),
      depth: v.optional(count),
      heads: v.optional(v.union([count, counts])),
      window: v.optional(count),
      img: v.optional(count),
      global: v.optional(counts),
      dims: v.optional(counts),
      depths: v.optional(counts),
      windows: v.optional(counts),
    }),
  ),
  decoder: v.optional(
    v.object({ dim: v.optional(count), mlp: v.optional(count), heads: v.optional(v.pipe(count, v.minValue(1))) }),
  ),
  /** How the model's pixels are normalised: (x − mean) / std, on 0..255. */
  pixels: v.optional(
    v.object({
      mean: colour,
      std: v.pipe(
        colour,
        v.check((all) => all.every((x) => x > 0), 'deviations above 0'),
      ),
    }),
  ),
})
export type ModelConfig = v.InferOutput<typeof configSchema>

/** Heads of the mask decoder's attention: the one number that cannot be inferred from shapes; all SAM models share it. */
const DECODER_HEADS = 8
/** TinyViT's weights do not depend on the input size; the public models were trained at this size. */
const TINY_VIT_SIZE = 1024
/** LiteMedSAM: TinyViT whose first convolutions are pointwise, at this size, on pixels scaled to 0..1. */
const LITE_SIZE = 256
const LITE_PIXELS: PixelNorm = { mean: [0, 0, 0], std: [255, 255, 255] }

const encoder = 'image_encoder'

/**
 * Infers the architecture of a checkpoint.
 * @param config the optional JSON beside a model; unknown keys are ignored
 * @throws UserError naming the file, if the tensors are not those of a SAM or the config contradicts them
 * @example
 * const { kind, imageSize } = inferArchitecture(await openCheckpoint('model.pth'))
 */
export function inferArchitecture(checkpoint: Checkpoint, config: unknown = {}): Architecture {
  const checked = v.safeParse(configSchema, config)
  if (!checked.success) {
    throw new UserError(`${checkpoint.path}: its config: ${problemOf(checked.issues[0])}`)
  }
  return infer(checkpoint, checked.output)
}

function infer(checkpoint: Checkpoint, config: ModelConfig): Architecture {
  const shapes = new CheckpointShapes(checkpoint)
  const architecture = shapes.has(`${encoder}.patch_embed.seq.0.weight`)
    ? tinyVit(shapes, config)
    : shapes.has(`${encoder}.pos_embed`)
      ? vit(shapes, config)
      : undefined
  if (!architecture)
    throw new UserError(
      `${checkpoint.path}: not a SAM checkpoint: it has neither ${encoder}.pos_embed (ViT) nor ${encoder}.patch_embed.seq.0 (TinyViT); ` +
        describeNames([...checkpoint.tensors.keys()]),
    )
  checkConfig(checkpoint.path, architecture, config)
  const pixels = config.pixels ?? pixelsOf(checkpoint)
  return pixels ? { ...architecture, pixels } : architecture
}

/** The shapes of a checkpoint's tensors. */
class CheckpointShapes {
  constructor(private readonly checkpoint: Checkpoint) {}

  has(name: string): boolean {
    return this.checkpoint.tensors.has(name)
  }

  /** The shape of a tensor. @throws UserError if it is missing or has another number of dimensions */
  of(name: string, dimensions: number): number[] {
    const entry = this.checkpoint.tensors.get(name)
    if (!entry) throw this.error(name, 'is missing')
    if (entry.shape.length !== dimensions || entry.shape.includes(0))
      throw this.error(name, `has the shape (${entry.shape.join(', ')}), not ${dimensions} dimensions`)
    return entry.shape
  }

  /** The number of numbered submodules `path.0`, `path.1`, ... */
  count(path: string): number {
    const numbers = new Set<number>()
    for (const name of this.checkpoint.tensors.keys())
      if (name.startsWith(`${path}.`)) numbers.add(Number.parseInt(name.slice(path.length + 1), 10))
    return numbers.size
  }

  error(tensor: string, what: string): UserError {
    return new UserError(`${this.checkpoint.path}: tensor ${tensor} ${what}`)
  }
}

/** The normalisation in a checkpoint; undefined if it has none or the usual one. @throws UserError if its scale is unclear */
function pixelsOf({ path, pixels }: Checkpoint): PixelNorm | undefined {
  if (!pixels) return undefined
  const { mean, std } = pixels
  const near = (a: readonly number[], b: readonly number[]) => a.every((x, i) => Math.abs(x - b[i]) < 0.01)
  if (near(mean, PIXEL_MEAN) && near(std, PIXEL_STD)) return undefined
  if (std.every((x) => x >= LEAST_STD && x <= 255) && mean.every((x) => x >= 0 && x <= 255)) return pixels
  throw new UserError(
    `${path}: its pixel_mean (${mean.join(', ')}) and pixel_std (${std.join(', ')}) are not those of pixels on 0..255, so how the ` +
      'model wants its pixels is not known. Say it in a JSON file for --model-config: {"pixels": {"mean": [0, 0, 0], "std": [255, 255, 255]}} ' +
      `for pixels scaled to 0..1, {"pixels": {"mean": ${JSON.stringify(PIXEL_MEAN)}, "std": ${JSON.stringify(PIXEL_STD)}}} for SAM's own`,
  )
}

/** Pixels on 0..255 of real images have deviations of at least this. */
const LEAST_STD = 10

function vit(shapes: CheckpointShapes, { vision = {}, decoder }: ModelConfig): VitArchitecture {
  const [, grid, width, dim] = shapes.of(`${encoder}.pos_embed`, 4)
  if (grid !== width) throw shapes.error(`${encoder}.pos_embed`, `is not square (${grid} x ${width})`)
  const patch = shapes.of(`${encoder}.patch_embed.proj.weight`, 4)[2]
  const depth = shapes.count(`${encoder}.blocks`)
  const tables = Array.from({ length: depth }, (_, i) => shapes.of(table(i), 2))
  if (!depth) throw shapes.error(table(0), 'is missing')
  const headDim = tables[0][1]
  if (dim % headDim) throw shapes.error(table(0), `has heads of ${headDim}, which do not divide the width ${dim}`)
  const isGlobal = (i: number) => vision.global?.includes(i) ?? tables[i][0] === 2 * grid - 1
  const blocks = tables.map((_, i) => i)
  const windowed = blocks.filter((i) => !isGlobal(i))
  return {
    kind: 'vit',
    imageSize: grid * patch,
    patch,
    dim,
    depth,
    heads: dim / headDim,
    mlpDim: shapes.of(`${encoder}.blocks.0.mlp.lin1.weight`, 2)[0],
    window: windowed.length ? (tables[windowed[0]][0] + 1) / 2 : (vision.window ?? grid),
    globalBlocks: blocks.filter(isGlobal),
    outChannels: shapes.of(`${encoder}.neck.0.weight`, 4)[0],
    decoder: maskDecoder(shapes, decoder),
  }
}

const table = (block: number) => `${encoder}.blocks.${block}.attn.rel_pos_h`

function tinyVit(shapes: CheckpointShapes, { vision = {}, decoder }: ModelConfig): TinyVitArchitecture {
  const stages = Array.from({ length: shapes.count(`${encoder}.layers`) }, (_, s) => {
    const path = `${encoder}.layers.${s}.blocks`
    const depth = shapes.count(path)
    // stage 0 is convolutional
    if (s === 0) return { depth, dim: shapes.of(`${path}.0.conv1.weight`, 4)[1], heads: 0, window: 0 }
    const name = `${path}.0.attn.attention_bias_table`
    const [heads, offsets] = shapes.of(name, 2)
    const window = Math.sqrt(offsets)
    if (!Number.isInteger(window)) throw shapes.error(name, `has ${offsets} offsets, which is not a square window`)
    return { depth, dim: shapes.of(`${path}.0.attn.qkv.weight`, 2)[1], heads, window }
  })
  const pointwise = shapes.of(`${encoder}.patch_embed.seq.0.weight`, 4)[2] === 1
  return {
    kind: 'tiny_vit',
    ...(pointwise && ({ stemStride: 1, pixels: LITE_PIXELS } as const)),
    imageSize: vision.img ?? (pointwise ? LITE_SIZE : TINY_VIT_SIZE),
    dims: stages.map((s) => s.dim),
    depths: stages.map((s) => s.depth),
    heads: stages.map((s) => s.heads),
    windows: stages.map((s) => s.window),
    outChannels: shapes.of(`${encoder}.neck.0.weight`, 4)[0],
    decoder: maskDecoder(shapes, decoder),
  }
}

function maskDecoder(shapes: CheckpointShapes, config: ModelConfig['decoder']): DecoderArchitecture {
  const transformer = 'mask_decoder.transformer.layers'
  return {
    dim: shapes.of('mask_decoder.iou_token.weight', 2)[1],
    depth: shapes.count(transformer),
    heads: config?.heads ?? DECODER_HEADS,
    mlpDim: shapes.of(`${transformer}.0.mlp.lin1.weight`, 2)[0],
  }
}

/** @throws UserError if a number of the config differs from the one inferred from the shapes */
function checkConfig(path: string, a: Architecture, { vision = {}, decoder = {} }: ModelConfig): void {
  const compared: [string, unknown, unknown][] = [
    ['vision.img', vision.img, a.imageSize],
    ['decoder.dim', decoder.dim, a.decoder.dim],
    ['decoder.mlp', decoder.mlp, a.decoder.mlpDim],
  ]
  if (a.kind === 'vit')
    compared.push(
      ['vision.dim', vision.dim, a.dim],
      ['vision.depth', vision.depth, a.depth],
      ['vision.heads', vision.heads, a.heads],
      ['vision.window', vision.window, a.window],
      ['vision.global', vision.global && [...vision.global].sort((x, y) => x - y), a.globalBlocks],
    )
  else
    compared.push(
      ['vision.dims', vision.dims, a.dims],
      ['vision.depths', vision.depths, a.depths],
      // stage 0 has no attention, so its entries are ignored
      ['vision.heads', vision.heads && attentionStages(vision.heads), attentionStages(a.heads)],
      ['vision.windows', vision.windows && attentionStages(vision.windows), attentionStages(a.windows)],
    )
  for (const [name, given, found] of compared)
    if (given !== undefined && JSON.stringify(given) !== JSON.stringify(found))
      throw new UserError(
        `${path}: the config says ${name} ${JSON.stringify(given)}, the tensors ${JSON.stringify(found)}`,
      )
}

/** The values of the stages that have attention: all but the first. */
const attentionStages = (values: number | number[]) => (Array.isArray(values) ? values.slice(1) : values)
