/** @file Files that the playground gives to the person. */
import { messageOf } from '../../host/errors'
import { zipOf } from '../../host/zip-writer'
import { labelTiff } from '../../images/label-tiff'
import { cocoText, csvText, type OutputFile, recordOf } from '../../project/output-texts'
import { labelsOf } from '../../project/review/labels-of'
import { notify } from '../../review/page/state/notices'
import { adapterFiles } from '../../web'
import type { StoredAdapter } from '../calls'
import { read } from '../store/database'
import { job, runJob } from './state/job'
import { review } from './state/studio'

/** Saves a file where the browser saves downloads. */
function save(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // the browser has begun to read it by then
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

type Report = (done: number, total: number) => void

/** Runs a download with its progress, also beside a training; a failure is shown to the person. */
async function offering(work: (report: Report) => Promise<void> | void): Promise<void> {
  if (!job.value)
    return void (await runJob('Preparing the download', async ({ signal, onProgress }) =>
      work((done, total) => {
        signal.throwIfAborted()
        onProgress({ doing: 'Writing', done, total })
      }),
    ))
  try {
    await work(() => {})
  } catch (error) {
    notify('error', `The download failed: ${messageOf(error)}`)
  }
}

const filesOf = (names: readonly string[]): OutputFile[] =>
  names.map((name) => ({ image: review.info(name), records: review.document(name).masks.map(recordOf) }))

/** COCO annotations of the images that the person has, by the names of their files. */
export const downloadCoco = (names: readonly string[]) =>
  offering(() =>
    save(
      'annotations.json',
      cocoText(filesOf(names), ({ source }) => source),
      'application/json',
    ),
  )

export const downloadCsv = (names: readonly string[]) =>
  offering(() => save('particles.csv', csvText(filesOf(names)), 'text/csv'))

async function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('deflate'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** A TIFF of 16 bits for each image, in which each particle has its number; several are in a zip. */
export const downloadLabels = (names: readonly string[]) =>
  offering(async (report) => {
    const members: { name: string; bytes: Uint8Array<ArrayBuffer> }[] = []
    for (const [done, name] of names.entries()) {
      report(done, names.length)
      const { labels } = labelsOf(review.document(name))
      members.push({
        name: `${name}.tif`,
        bytes: await labelTiff(labels, review.info(name).pixelSize?.metres, deflate),
      })
    }
    if (members.length === 1) save(members[0].name, members[0].bytes, 'image/tiff')
    else save('labels.zip', zipOf(members), 'application/zip')
  })

/** The files of the adapter as `wgsam train` writes them, which PEFT reads too, in a zip. */
export const downloadAdapter = () =>
  offering(async () => {
    const kept = (await read('values', 'adapter')) as StoredAdapter | undefined
    if (!kept) throw new Error('there is no adapter')
    const { adapter, head, profile } = kept
    const files = await adapterFiles({ adapter, head, profile })
    save('adapter.zip', zipOf(Object.entries(files).map(([name, bytes]) => ({ name, bytes }))), 'application/zip')
  })
