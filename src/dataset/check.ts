/** @file A dry run over a dataset: everything that training would refuse, and what a person should look at. */
import { createHash } from 'node:crypto'
import { checkPair, listCandidates, readSource } from './dataset'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { fingerprint } from './fingerprint'
import { checkLabels, type LabelFinding } from './label-checks'
import { findTwins, type Known } from './duplicates'
import { messageOf } from '../host/errors'

export interface Finding {
  /** The image's id. */
  id: string
  /** Its files, as far as there are any. */
  files: string[]
  level: 'error' | 'warning'
  kind: LabelFinding['kind'] | 'pair' | 'flat' | 'same-labels' | 'identical' | 'leak' | 'alike' | 'one-group'
  message: string
}

export interface CheckReport {
  folders: string[]
  /** Pairs found, and those that training can use. */
  pairs: number
  usable: number
  groups: number
  instances: number
  errors: number
  warnings: number
  /** By id; errors first. */
  findings: Finding[]
}

export interface CheckOptions {
  coco?: string
  groupBy?: string
  onProgress?(done: number, total: number): void
  stop?(): boolean
}

/** Reads every pair and says what is wrong with it; nothing is written. @throws UserError for what is no dataset at all */
export async function checkDataset(folder: string | string[], options: CheckOptions = {}): Promise<CheckReport> {
  const { folders, candidates } = await listCandidates(folder, options)
  const findings: Finding[] = []
  const known: Known[] = []
  const imagePaths = new Map<string, string>()
  const labelHashes = new Map<string, string>()
  let instances = 0
  for (const [i, { id, group, imagePath, labels, reason }] of candidates.entries()) {
    if (options.stop?.()) break
    const files = [imagePath, labels?.path].filter((path) => path !== undefined)
    const add = (level: Finding['level'], kind: Finding['kind'], message: string) =>
      findings.push({ id, files, level, kind, message })
    try {
      if (!imagePath || !labels) throw new Error(reason ?? 'it is incomplete')
      const image = await readImage(imagePath)
      const { width, height } = image
      imagePaths.set(id, imagePath)
      const rgb = toRGB8(image)
      known.push({ id, group, print: fingerprint({ width, height, rgb }) })
      if (rgb.every((v) => v === rgb[0])) add('warning', 'flat', 'the picture has one gray value everywhere')
      const map = await readSource(labels)
      instances += checkPair(map, width, height, 1)
      for (const { level, kind, message } of checkLabels(map)) add(level, kind, message)
      const hash = createHash('sha256').update(map.data).digest('hex')
      const other = labelHashes.get(hash)
      if (other !== undefined) add('warning', 'same-labels', `its labels are those of ${other}, pixel for pixel`)
      else labelHashes.set(hash, id)
    } catch (error) {
      add('error', 'pair', messageOf(error))
    }
    options.onProgress?.(i + 1, candidates.length)
  }

  const load = async (id: string) => {
    const image = await readImage(imagePaths.get(id)!)
    return { ...image, rgb: toRGB8(image) }
  }
  // pictures of one group may well look alike: that is what groups are for
  for (const { a, b, kind } of await findTwins(known, load, (a, b) => a.group !== b.group)) {
    const across = a.group !== b.group
    const files = [imagePaths.get(a.id)!, imagePaths.get(b.id)!]
    const groups = across ? `, of the groups ${a.group} and ${b.group}` : ''
    const leak = across ? ': a split may train on one and test on the other. Remove one, or give both one group' : ''
    const same = kind === 'identical' ? 'is the same picture as' : 'looks nearly like'
    findings.push({
      id: b.id,
      files,
      level: kind === 'identical' && across ? 'error' : 'warning',
      kind: kind === 'identical' && across ? 'leak' : kind,
      message: `${same} ${a.id}${groups}${leak}`,
    })
  }
  const groups = new Set(candidates.map(({ group }) => group))
  if (candidates.length > 1 && groups.size === 1)
    findings.push({
      id: [...groups][0],
      files: [],
      level: 'warning',
      kind: 'one-group',
      message: 'all images are of this one group, so that a split leaves none to validate or test on',
    })

  const rank = ({ level }: Finding) => (level === 'error' ? 0 : 1)
  findings.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  const bad = new Set(findings.filter(({ level }) => level === 'error').map(({ id }) => id))
  return {
    folders,
    pairs: candidates.length,
    usable: candidates.filter(({ id }) => !bad.has(id)).length,
    groups: groups.size,
    instances,
    errors: findings.filter(({ level }) => level === 'error').length,
    warnings: findings.filter(({ level }) => level === 'warning').length,
    findings,
  }
}
