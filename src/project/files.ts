/** @file Reads a project's JSON files; whatever edited them since, they are checked. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { UserError } from '../host/errors'
import { type CandidateFile, projectFile, type ProposalFile } from './project'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 20))
const four = v.tuple([v.number(), v.number(), v.number(), v.number()])

const Info = v.object({
  name: v.pipe(v.string(), v.minLength(1)),
  width: side,
  height: side,
  source: v.string(),
  page: count,
  croppedBottom: count,
  pixelSize: v.nullable(v.object({ metres: v.pipe(v.number(), v.gtValue(0)), from: v.string() })),
})

const ProposedMask = v.object({
  segmentation: v.object({ size: v.tuple([side, side]), counts: v.string() }),
  area: count,
  bbox: four,
  predicted_iou: v.number(),
  stability_score: v.number(),
  point_coords: v.array(v.tuple([v.number(), v.number()])),
  crop_box: four,
})

const Proposals = v.object({
  version: v.literal(1),
  image: Info,
  generator: v.object({
    model: v.string(),
    adapter: v.nullable(v.string()),
    size: side,
    options: v.record(v.string(), v.unknown()),
  }),
  key: v.string(),
  seconds: v.number(),
  masks: count,
  removed: v.record(v.string(), count),
  records: v.array(ProposedMask),
})

const Candidates = v.object({
  version: v.literal(1),
  image: Info,
  options: v.record(v.string(), v.unknown()),
  candidates: v.array(ProposedMask),
  overlaps: v.array(v.tuple([count, count, count])),
})

/** @throws UserError naming the file: missing, damaged, or of another image's size */
export const readProposals = (dir: string, name: string): Promise<ProposalFile> =>
  read(projectFile.proposals(dir, name), Proposals, ({ image, records }) => checkSizes(image, records))

/** @throws UserError as readProposals, and where overlaps are of masks that are not there */
export const readCandidates = (dir: string, name: string): Promise<CandidateFile> =>
  read(projectFile.candidates(dir, name), Candidates, ({ image, candidates, overlaps }) => {
    checkSizes(image, candidates)
    const wrong = overlaps.find(([a, b]) => !(a < b && b < candidates.length))
    if (wrong) throw new Error(`an overlap is of masks ${wrong[0]} and ${wrong[1]}, of ${candidates.length}`)
  })

/** The names of the images with proposals, in order. */
export async function proposedNames(dir: string): Promise<string[]> {
  const files = await readdir(join(dir, 'proposals')).catch(() => [])
  return files
    .filter((file) => file.endsWith('.json') && !file.startsWith('.'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}

async function read<T extends v.GenericSchema>(
  path: string,
  schema: T,
  check: (file: v.InferOutput<T>) => void,
): Promise<v.InferOutput<T>> {
  try {
    const parsed = v.safeParse(schema, JSON.parse(await readFile(path, 'utf8')))
    if (!parsed.success) {
      const [issue] = parsed.issues
      throw new Error(`${v.getDotPath(issue) ?? 'it'}: ${issue.message}`)
    }
    check(parsed.output)
    return parsed.output
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UserError(`cannot use ${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`)
  }
}

function checkSizes({ width, height }: ProposalFile['image'], records: ProposalFile['records']): void {
  records.forEach(({ segmentation: { size } }, i) => {
    if (size[0] !== height || size[1] !== width)
      throw new Error(`mask ${i + 1} is of a picture of ${size[1]}x${size[0]}, not ${width}x${height}`)
  })
}
