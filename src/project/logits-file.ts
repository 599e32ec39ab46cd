/**
 * @file The candidates' logits on disk (--keep-logits), so that another mask threshold needs no model. In
 * candidates/NAME.safetensors, tensor i belongs to candidate i: the (height, width) window of its low-resolution logits
 * outside which they are far below the threshold.
 */
import { regionFromXYWH } from '../../engine/image/box'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Candidate, CandidateSet, LogitWindow } from '../../engine/generate/candidate'
import { decodeMask } from '../../engine/masks/rle'
import { UserError } from '../host/errors'
import { readSafetensors, openSafetensors } from '../weights/safetensors'
import { writeSafetensors } from '../weights/safetensors-writer'
import type { CandidateFile } from './file-schemas'
import { scoredSet } from './candidate-measures'
import { finiteNumber } from '../text/check-value'

const path = (dir: string, name: string) => join(dir, 'candidates', `${name}.safetensors`)

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const Window = v.object({
  token: count,
  x0: count,
  y0: count,
  side: v.pipe(count, v.minValue(1)),
  inputSize: v.pipe(count, v.minValue(1)),
  lowest: finiteNumber,
})
const Windows = v.array(v.nullable(Window))

export const logitsExist = (dir: string, name: string): boolean => existsSync(path(dir, name))

/** Deletes the logits of an earlier run: they belong to other candidates. */
export const dropLogits = (dir: string, name: string): Promise<void> => rm(path(dir, name), { force: true })

export async function writeLogits(dir: string, name: string, { candidates }: CandidateSet): Promise<void> {
  const windows = candidates.map(({ logits, token }) => {
    if (!logits) return null
    const { x0, y0, side, inputSize, lowest } = logits
    return { token, x0, y0, side, inputSize, lowest }
  })
  const tensors = candidates.flatMap(({ logits }, i) =>
    logits ? { name: String(i), shape: [logits.height, logits.width], data: logits.data } : [],
  )
  await writeSafetensors(path(dir, name), tensors, { windows: JSON.stringify(windows) })
}

/**
 * A file's candidates with their logits, in the engine's form.
 * @throws UserError if the logits were not kept or belong to other candidates
 */
export async function readWithLogits(dir: string, file: CandidateFile): Promise<CandidateSet> {
  const where = path(dir, file.image.name)
  if (!existsSync(where))
    throw new UserError(
      `${where} is missing: another mask threshold needs the logits; \`wgsam generate --keep-logits\` keeps them`,
    )
  const { metadata, close } = await openSafetensors(where)
  await close()
  const windows = v.safeParse(v.pipe(v.string(), v.parseJson(), Windows), metadata.windows)
  if (!windows.success || windows.output.length !== file.candidates.length)
    throw new UserError(`${where} is damaged, or does not belong to the candidates beside it: generate again`)
  const tensors = await readSafetensors(where)
  const { size, candidates, overlaps } = scoredSet(file)
  return {
    size,
    overlaps,
    candidates: candidates.map((scored, i): Candidate => {
      const { segmentation, point_coords, box_prompt } = file.candidates[i]
      const window = windows.output[i]
      const tensor = tensors.get(String(i))
      if (window && tensor?.shape.length !== 2)
        throw new UserError(`${where}: candidate ${i} has no logits of two dimensions`)
      return {
        ...scored,
        get mask() {
          return decodeMask(segmentation)
        },
        token: window?.token ?? 0,
        point: point_coords[0] ?? [0, 0],
        ...(box_prompt && { promptBox: regionFromXYWH(box_prompt) }),
        ...(window && { logits: toWindow(window, tensor!, `${where}: candidate ${i}`) }),
      }
    }),
  }
}

function toWindow(
  { x0, y0, side, inputSize, lowest }: v.InferOutput<typeof Window>,
  { shape: [height, width], data }: { shape: number[]; data: Float32Array },
  what: string,
): LogitWindow {
  if (x0 + width > side || y0 + height > side)
    throw new UserError(`${what}: its logits extend beyond their plane of ${side}x${side}: generate again`)
  return { x0, y0, width, height, data, side, inputSize, lowest }
}
