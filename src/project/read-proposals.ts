/** @file Reads and checks a project's proposals and candidates; other programs may have edited these files. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GenericSchema } from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { type CandidateFile, candidateFileSchema, parseAs, type ProposalFile, proposalFileSchema } from './file-schemas'
import { projectFile } from './project'

/** @throws UserError naming the file: it is missing, damaged, or has masks of another size than the image */
export const readProposals = (dir: string, name: string): Promise<ProposalFile> =>
  readChecked(projectFile.proposals(dir, name), proposalFileSchema, ({ image, records }) => checkSizes(image, records))

/** @throws UserError as readProposals does, and if an overlap names a candidate that does not exist */
export const readCandidates = (dir: string, name: string): Promise<CandidateFile> =>
  readChecked(projectFile.candidates(dir, name), candidateFileSchema, ({ image, candidates, overlaps }) => {
    checkSizes(image, candidates)
    const wrong = overlaps.find(([a, b]) => !(a < b && b < candidates.length))
    if (wrong)
      throw new Error(`an overlap names the masks ${wrong[0]} and ${wrong[1]}, but there are ${candidates.length}`)
  })

/** The names of the images with proposals, in order. */
export async function proposedNames(dir: string): Promise<string[]> {
  const files = await readdir(join(dir, 'proposals')).catch(() => [])
  return files
    .filter((file) => file.endsWith('.json') && !file.startsWith('.'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}

async function readChecked<T>(path: string, schema: GenericSchema<unknown, T>, check: (file: T) => void): Promise<T> {
  try {
    const file = parseAs(schema, JSON.parse(await readFile(path, 'utf8')))
    check(file)
    return file
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new UserError(`cannot use ${path}: ${missing ? 'there is no such file' : messageOf(error)}`)
  }
}

function checkSizes({ width, height }: ProposalFile['image'], records: ProposalFile['records']): void {
  records.forEach(({ segmentation: { size } }, i) => {
    if (size[0] !== height || size[1] !== width)
      throw new Error(`mask ${i + 1} is for an image of ${size[1]}x${size[0]}, not ${width}x${height}`)
  })
}
