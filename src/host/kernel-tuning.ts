/** @file The forms of kernels that were measured to be the fastest on this machine's adapters, kept in the cache folder. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Engine } from '../../engine/device/engine'
import { ATTENTION_FORMS, type Forms, PRODUCT_FORMS, runs } from '../../engine/device/kernel-variants'
import { PRODUCT_CLASSES } from '../../engine/device/matmul-class'
import { writeFileAtomic } from './files'
import { cacheFolder } from './cache-folder'

/** Rises when kernels change so much that what was measured says nothing any more. */
const VERSION = 2

const Entry = v.object({
  version: v.literal(VERSION),
  products: v.object(v.entriesFromList(PRODUCT_CLASSES, v.picklist(PRODUCT_FORMS))),
  attention: v.picklist(ATTENTION_FORMS),
  date: v.string(),
})
const File = v.record(v.string(), v.unknown())

const fileOf = (cache = cacheFolder()): string => join(cache, 'tuning.json')

/** An adapter with its driver, as it names itself. */
export function adapterKey({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  return [vendor, architecture, device, description].filter(Boolean).join(' / ')
}

/** What was measured of this adapter; null where nothing was, or nothing that this version and device can use. */
export function keptForms({ device, subgroupSize }: Engine, cache?: string): (Forms & { date: string }) | null {
  let text: string
  try {
    text = readFileSync(fileOf(cache), 'utf8')
  } catch {
    return null
  }
  try {
    const all = v.parse(File, JSON.parse(text))
    const { products, attention, date } = v.parse(Entry, all[adapterKey(device.adapterInfo)])
    const usable = [...Object.values(products), attention].every((form) => runs(form, subgroupSize))
    return usable ? { products, attention, date } : null
  } catch {
    // a damaged or older entry is measured anew when somebody asks for it; the usual forms do until then
    return null
  }
}

/** Keeps what was measured, beside what is known of other adapters. Gives the file's path. */
export async function keepForms({ device }: Engine, forms: Forms, cache?: string): Promise<string> {
  const path = fileOf(cache)
  const known = await readFile(path, 'utf8').then(
    (text) => v.safeParse(v.pipe(v.string(), v.parseJson(), File), text),
    () => null,
  )
  const entry: v.InferOutput<typeof Entry> = { version: VERSION, ...forms, date: new Date().toISOString() }
  const all = { ...(known?.success && known.output), [adapterKey(device.adapterInfo)]: entry }
  await writeFileAtomic(path, JSON.stringify(all, null, 1) + '\n')
  return path
}
