/** @file Finds the images that command-line paths refer to, and the source of their masks. */
import { existsSync, statSync } from 'node:fs'
import { basename, extname, join, resolve } from 'node:path'
import { UserError } from '../../host/errors'
import { cocoFile } from './coco'
import { imagejRois } from './imagej-rois'
import { dataset, mapFile, mapFolder } from './label-maps'
import { isProject, project } from './project'
import type { Source } from './source'

export interface SourceOptions {
  /** A folder with the images of label maps or COCO annotations that are stored elsewhere. */
  images: string | null
  groupBy?: string
  /** In a project: only images that a person has accepted. */
  acceptedOnly: boolean
}

export interface Sources {
  sources: Source[]
  /** Whether any group has several images, or a grouping rule was given. */
  grouped: boolean
}

/**
 * The images of all paths, in the order given. With several paths, a folder's images are prefixed with its name, and form a
 * group unless something else groups them.
 * @throws UserError if a path does not exist or cannot be measured, or two images have the same name
 * @example
 * const { sources, grouped } = await findSources(['project'], { images: null, acceptedOnly: true })
 */
export async function findSources(paths: readonly string[], options: SourceOptions): Promise<Sources> {
  const { images, groupBy } = options
  if (images !== null && !isFolder(images)) throw new UserError(`there is no folder ${images}`)
  const all: Source[] = []
  for (const path of paths) {
    if (!existsSync(path)) throw new UserError(`there is no file or folder ${path}`)
    const sources = await sourcesOf(path, options)
    if (paths.length === 1 || !isFolder(path)) {
      all.push(...sources)
      continue
    }
    const folder = basename(resolve(path))
    const apart = groupBy === undefined && !isGrouped(sources)
    for (const source of sources)
      all.push({ ...source, name: `${folder}/${source.name}`, group: apart ? folder : `${folder}/${source.group}` })
  }
  if (!all.length)
    throw new UserError(`${paths.join(', ')}: there are no label maps, masks or wgsam projects to measure`)
  const names = new Set<string>()
  for (const { name } of all) {
    if (names.has(name)) throw new UserError(`two images have the name ${name}: measure them one after the other`)
    names.add(name)
  }
  return { sources: all, grouped: groupBy !== undefined || isGrouped(all) }
}

const isGrouped = (sources: readonly Source[]) => new Set(sources.map(({ group }) => group)).size < sources.length
const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory()

/** Whether a folder directly holds label maps, and so neither a project, a dataset nor annotations. */
export const holdsLabelMapsOnly = (folder: string): boolean =>
  !isProject(folder) && !['images', 'masks', 'labels', ...cocoNames].some((name) => existsSync(join(folder, name)))

const cocoNames = ['annotations.json', 'coco.json']

async function sourcesOf(path: string, { images, groupBy, acceptedOnly }: SourceOptions): Promise<Source[]> {
  if (!isFolder(path))
    return /\.(zip|roi)$/i.test(path)
      ? imagejRois(path, images, groupBy)
      : extname(path).toLowerCase() === '.json'
        ? cocoFile(path, images, groupBy)
        : mapFile(path, images, groupBy)
  if (isProject(path)) return project(path, acceptedOnly, groupBy)
  const has = (name: string) => existsSync(join(path, name))
  if (has('images') && has('masks') && images === null) return dataset(path, groupBy)
  const coco = cocoNames.find(has)
  if (coco && !has('masks') && !has('labels')) return cocoFile(join(path, coco), images, groupBy)
  const folder = ['masks', 'labels'].find(has)
  const pictures = images ?? (folder && has('images') ? join(path, 'images') : null)
  return mapFolder(folder ? join(path, folder) : path, pictures, path, groupBy)
}
