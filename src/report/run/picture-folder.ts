/** @file The newest validation pictures of a run, as small JPEGs with an index in the folder pictures/ of the run. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import * as v from 'valibot'
import { writeFileAtomic } from '../../host/files'
import type { Sink, TrackingEvent } from '../../tracking/sink'
import { messageOf } from '../../host/errors'

const PictureEntry = v.object({
  name: v.string(),
  step: v.pipe(v.number(), v.integer()),
  caption: v.string(),
  /** A file beside the index; paths to other folders are refused. */
  file: v.pipe(v.string(), v.regex(/^[a-z0-9_-]{1,100}\.jpg$/)),
})
type PictureEntry = v.InferOutput<typeof PictureEntry>

export interface ShownPicture extends Omit<PictureEntry, 'file'> {
  /** A data: URI. */
  uri: string
}

const folderOf = (root: string) => join(root, 'pictures')
const indexOf = (root: string) => join(folderOf(root), 'index.json')

async function readIndex(root: string): Promise<PictureEntry[]> {
  const text = await readFile(indexOf(root), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]'
    throw error
  })
  return v.parse(v.array(PictureEntry), JSON.parse(text))
}

/** Empty if the run has no pictures. @throws Error if the index is damaged or a picture is missing */
export async function readPictures(root: string): Promise<ShownPicture[]> {
  const index = await readIndex(root)
  return Promise.all(
    index.map(async ({ file, ...picture }) => {
      const data = await readFile(join(folderOf(root), file))
      return { ...picture, uri: `data:image/jpeg;base64,${data.toString('base64')}` }
    }),
  )
}

/** Writes the newest picture of each name. It never ends a run: a failure is reported once and disables it. */
export class PictureSink implements Sink {
  readonly wantsImages = true
  private failed = false

  constructor(
    private readonly root: string,
    private readonly log: (line: string) => void,
  ) {}

  async append(event: TrackingEvent): Promise<void> {
    if (event.kind !== 'image' || this.failed) return
    try {
      const { name, step, caption, png } = event
      const file = `${name
        .toLowerCase()
        .replace(/[^a-z0-9_-]+/g, '-')
        .slice(0, 100)}.jpg`
      const jpeg = await sharp(png).jpeg({ quality: 84, chromaSubsampling: '4:4:4' }).toBuffer()
      await writeFileAtomic(join(folderOf(this.root), file), jpeg)
      const others = (await readIndex(this.root).catch(() => [])).filter((picture) => picture.file !== file)
      const index = [...others, { name, step, caption, file }].sort((a, b) =>
        a.name.localeCompare(b.name, 'en', { numeric: true }),
      )
      await writeFileAtomic(indexOf(this.root), JSON.stringify(index, null, 1) + '\n')
    } catch (error) {
      this.failed = true
      this.log(`warning: no pictures for the report: ${messageOf(error)}`)
    }
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}
