/** A training run small enough for a test: a toy model of the golden files on a few synthetic images. */
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSynth } from '../../src/synth/synth-dataset'
import { type RawConfig, type TrainConfig, checkConfig, mergeConfig } from '../../src/training/config'
import { readMetrics } from '../../src/tracking/metrics-file'
import { openSafetensors } from '../../src/weights/safetensors'

export const temporary = () => mkdtemp(join(tmpdir(), 'wgsam-train-'))

export async function toyData(folder: string, count = 8): Promise<string> {
  await writeSynth(folder, { count, seed: 5, width: 80, height: 72, particles: [4, 8], coverage: 0.6 })
  return folder
}

export const toyConfig = (data: string, over: RawConfig = {}): TrainConfig =>
  checkConfig(
    mergeConfig(
      {
        data: [data],
        model: 'golden/files/toy_tiny_vit.pth',
        modelConfig: 'golden/files/toy_tiny_vit.json',
        size: 80,
        strength: 'full',
        batch: 2,
        epochs: 4,
        lora: { rank: 4, targets: ['q', 'v'] },
        schedule: { kind: 'constant' },
        optimizer: { learningRate: 5e-3 },
        prompts: { count: 3 },
        validation: { every: 2, synthetic: 0, images: 1, instances: 3, tune: 0 },
        seed: 3,
      },
      over,
    ),
    'toy',
  )

/** All that is equal in two runs with the same bits: adapters, and checkpoints and records without their times. */
export async function fingerprint(run: string): Promise<Record<string, unknown>> {
  const files = ['last', 'best'].flatMap((which) =>
    ['adapter_model.safetensors', 'prompt_head.safetensors'].map((file) => join(run, which, file)),
  )
  const adapters = await Promise.all(files.map(async (file) => (await readFile(file)).toString('hex')))
  const states = await Promise.all(
    ['last', 'best'].map(async (which) => {
      const { metadata, close } = await openSafetensors(join(run, which, 'checkpoint.safetensors'))
      await close()
      return { ...JSON.parse(metadata.wgsam), seconds: 0, sha256: metadata.sha256 }
    }),
  )
  const metrics = (await readMetrics(join(run, 'metrics.jsonl'))).map(({ time: _, ...rest }) => rest)
  return { adapters, states, metrics }
}
