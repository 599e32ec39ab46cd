/** @file The kernel variants that `wgsam bench --tune` measured as the fastest on this machine's adapters, in the cache folder. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Engine } from '../../engine/device/engine'
import {
  ATTENTION_BACKWARDS,
  ATTENTION_VARIANTS,
  WINDOW_CLASSES,
  type KernelVariants,
  MATMUL_VARIANTS,
  canRun,
} from '../../engine/device/kernel-variants'
import { MATMUL_CLASSES } from '../../engine/device/matmul-class'
import { writeFileAtomic } from './files'
import { cacheFolder } from './cache-folder'
import { adapterKey } from './dawn'

/** To be increased when kernels change so much that earlier measurements no longer apply. */
const VERSION = 5

const SavedVariants = v.object({
  version: v.literal(VERSION),
  // matrix products, by class
  products: v.object(v.entriesFromList(MATMUL_CLASSES, v.picklist(MATMUL_VARIANTS))),
  attention: v.picklist(ATTENTION_VARIANTS),
  attentionBackward: v.object(v.entriesFromList(WINDOW_CLASSES, v.picklist(ATTENTION_BACKWARDS))),
  date: v.string(),
})
const TuningFile = v.record(v.string(), v.unknown())

const fileOf = (cache = cacheFolder()): string => join(cache, 'tuning.json')

/** Where the variants of an engine are kept: the precision decides which ones there are to choose from. */
const keyOf = ({ device, matrixUnits, precision }: Engine): string =>
  adapterKey(device.adapterInfo) + (matrixUnits ? ` / precision ${precision}` : '')

/** The variants measured on this adapter; null if there are none, or none that this version and device can use. */
export function savedVariants(engine: Engine, cache?: string): KernelVariants | null {
  let text: string
  try {
    text = readFileSync(fileOf(cache), 'utf8')
  } catch {
    return null
  }
  try {
    const all = v.parse(TuningFile, JSON.parse(text))
    const { products: matmul, attention, attentionBackward } = v.parse(SavedVariants, all[keyOf(engine)])
    const usable = [...Object.values(matmul), attention].every((variant) => canRun(variant, engine))
    return usable ? { matmul, attention, attentionBackward } : null
  } catch {
    // a damaged or outdated entry is ignored: the default variants are used until somebody measures again
    return null
  }
}

/** Saves the variants measured on this adapter, next to those of other adapters. Returns the file's path. */
export async function saveVariants(engine: Engine, variants: KernelVariants, cache?: string): Promise<string> {
  const path = fileOf(cache)
  const known = await readFile(path, 'utf8').then(
    (text) => v.safeParse(v.pipe(v.string(), v.parseJson(), TuningFile), text),
    () => null,
  )
  const entry: v.InferOutput<typeof SavedVariants> = {
    version: VERSION,
    products: variants.matmul,
    attention: variants.attention,
    attentionBackward: variants.attentionBackward,
    date: new Date().toISOString(),
  }
  const all = { ...(known?.success && known.output), [keyOf(engine)]: entry }
  await writeFileAtomic(path, JSON.stringify(all, null, 1) + '\n')
  return path
}
