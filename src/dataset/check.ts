/** @file Checks a whole dataset: errors that training would refuse, and warnings that a person should look at. */
import { createHash } from 'node:crypto'
import { checkPair, listPairs, readLabelSource } from './dataset'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { fingerprint } from './fingerprint'
import { misplaced } from './label-alignment'
import { checkLabels, type LabelFinding } from './label-checks'
import { findDuplicates, type FingerprintedImage } from './duplicates'
import { messageOf } from '../host/errors'

export interface Finding {
  /** The image's id. */
  id: string
  /** Its files, as far as they exist. */
  files: string[]
  level: 'error' | 'warning'
  kind:
    | LabelFinding['kind']
    | 'pair'
    | 'shapes'
    | 'turned'
    | 'moved'
    | 'flat'
    | 'same-labels'
    | 'identical'
    | 'leak'
    | 'alike'
    | 'one-group'
    | 'groups'
  message: string
}

export interface CheckReport {
  folders: string[]
  /** The number of pairs found, and of those that training can use. */
  pairs: number
  usable: number
  groups: number
  instances: number
  errors: number
  warnings: number
  /** Errors first, then by id. */
  findings: Finding[]
}

export interface CheckOptions {
  coco?: string
  groupBy?: string
  onProgress?(done: number, total: number): void
  stop?(): boolean
}

/** The mean of red, green and blue of each pixel. */
function grayOf(rgb: Uint8Array): Uint8Array {
  const gray = new Uint8Array(rgb.length / 3)
  for (let i = 0; i < gray.length; i++) gray[i] = (rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]) / 3
  return gray
}

/** Reads every pair and reports what is wrong with it; writes nothing. @throws UserError if the folder is not a dataset */
export async function checkDataset(folder: string | string[], options: CheckOptions = {}): Promise<CheckReport> {
  const { folders, pairs, remarks: grouping } = await listPairs(folder, options)
  const findings: Finding[] = grouping.map(({ id, reason }) => ({
    ...{ id, files: [id], level: 'warning', kind: 'groups', message: reason },
  }))
  const known: FingerprintedImage[] = []
  const imagePaths = new Map<string, string>()
  const labelHashes = new Map<string, string>()
  let instances = 0
  for (const [i, { id, group, imagePath, labels, reason }] of pairs.entries()) {
    if (options.stop?.()) break
    const files = [imagePath, labels?.path].filter((path) => path !== undefined)
    const add = (level: Finding['level'], kind: Finding['kind'], message: string) =>
      findings.push({ id, files, level, kind, message })
    try {
      if (!imagePath || !labels) throw new Error(reason ?? 'its image or its labels are missing')
      const image = await readImage(imagePath)
      const { width, height, orientation } = image
      imagePaths.set(id, imagePath)
      const rgb = toRGB8(image)
      known.push({ id, group, fingerprint: fingerprint({ width, height, rgb }) })
      if (rgb.every((v) => v === rgb[0])) add('warning', 'flat', 'the image has the same value everywhere')
      const { map, remarks } = await readLabelSource(labels, image)
      instances += checkPair(map, image, 1).length
      for (const remark of remarks) add('warning', 'shapes', remark)
      if (orientation)
        add(
          'warning',
          'turned',
          `its orientation tag (EXIF ${orientation}) turns the image upright: look whether its labels were drawn on the upright image`,
        )
      for (const { level, kind, message } of checkLabels(map)) add(level, kind, message)
      const moved = misplaced(map, grayOf(rgb))
      if (moved) add('warning', 'moved', moved)
      const hash = createHash('sha256').update(map.data).digest('hex')
      const other = labelHashes.get(hash)
      if (other !== undefined) add('warning', 'same-labels', `its labels are identical to those of ${other}`)
      else labelHashes.set(hash, id)
    } catch (error) {
      add('error', 'pair', messageOf(error))
    }
    options.onProgress?.(i + 1, pairs.length)
  }

  const load = async (id: string) => {
    const image = await readImage(imagePaths.get(id)!)
    return { ...image, rgb: toRGB8(image) }
  }
  // Images of one group may look alike: that is what groups are for.
  for (const { a, b, kind } of await findDuplicates(known, load, (a, b) => a.group !== b.group)) {
    const across = a.group !== b.group
    const files = [imagePaths.get(a.id)!, imagePaths.get(b.id)!]
    const groups = across ? `, which is in the group ${a.group}, this one in ${b.group}` : ''
    const leak = across
      ? ': a split may train on one and test on the other. Remove one, or give both the same group'
      : ''
    const same = kind === 'identical' ? 'is the same image as' : 'is nearly the same image as'
    findings.push({
      id: b.id,
      files,
      level: kind === 'identical' && across ? 'error' : 'warning',
      kind: kind === 'identical' && across ? 'leak' : kind,
      message: `${same} ${a.id}${groups}${leak}`,
    })
  }
  const groups = new Set(pairs.map(({ group }) => group))
  if (pairs.length > 1 && groups.size === 1)
    findings.push({
      id: [...groups][0],
      files: [],
      level: 'warning',
      kind: 'one-group',
      message: 'all images are in this one group, so a split leaves none to validate or test on',
    })

  const rank = ({ level }: Finding) => (level === 'error' ? 0 : 1)
  findings.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  const bad = new Set(findings.filter(({ level }) => level === 'error').map(({ id }) => id))
  return {
    folders,
    pairs: pairs.length,
    usable: pairs.filter(({ id }) => !bad.has(id)).length,
    groups: groups.size,
    instances,
    errors: findings.filter(({ level }) => level === 'error').length,
    warnings: findings.filter(({ level }) => level === 'warning').length,
    findings,
  }
}
