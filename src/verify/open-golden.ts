/** @file Opens golden files: NAME.json, NAME.golden.safetensors, and NAME.pth or a named model. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import type { StorageType } from '../../engine/device/tensor'
import { messageOf, UserError } from '../host/errors'
import { openModel } from '../model/open-model'
import { locateModel } from '../weights/locate-model'
import { type NumberArray, toFloat32 } from '../weights/dtypes'
import { readSafetensors } from '../weights/safetensors'
import type { GoldenFile, NamedTensor } from './golden-file'

/**
 * Opens the golden file PATH/NAME: its JSON, tensors and model. A named model is downloaded if it is not cached.
 * @throws UserError if a file is missing or cannot be read
 */
export async function openGolden(engine: Engine, base: string, storage: StorageType = 'f32'): Promise<GoldenFile> {
  const stem = base.replace(/\.(json|pth|golden\.safetensors)$/, '')
  const jsonPath = `${stem}.json`
  if (!existsSync(jsonPath)) throw new UserError(`${jsonPath}: there is no such file`)
  let config: { checkpoint?: string; input?: number; lora?: { r: number; alpha: number } }
  try {
    config = JSON.parse(await readFile(jsonPath, 'utf8'))
  } catch (error) {
    throw new UserError(`${jsonPath}: not JSON: ${messageOf(error, jsonPath)}`)
  }
  const beside = config.checkpoint && join(dirname(stem), config.checkpoint)
  const checkpoint = config.checkpoint ? (beside && existsSync(beside) ? beside : config.checkpoint) : `${stem}.pth`
  const tensors = new Map<string, NamedTensor>()
  for (const [name, { shape, data }] of await readSafetensors<NumberArray>(`${stem}.golden.safetensors`))
    tensors.set(name, { shape, data: toFloat32(data) })
  const path = await locateModel(checkpoint, true)
  const model = await openModel(engine, path, { inputSize: config.input, config, storage })
  return { model, lora: config.lora ?? { r: 4, alpha: 8 }, tensors, storage }
}
