/** @file What a microscope wrote about a picture: its pixel size and the rows of its info bar. Nothing is guessed. */
import { open } from 'node:fs/promises'
import type { TiffFile, TiffPage } from '../tiff-tags'
import type { Note } from './note'
import { plausible, type PixelSize } from './pixel-size'
import { jeolNote, sidecarNotes } from './sidecar'
import { feiNote, gatanNote, imagejNote, omeNote, phenomNote, tescanNote, zeissNote } from './vendors'

/** A bar is never more of a picture than this. */
const largestBar = 1 / 3

export interface Findings {
  pixelSize: PixelSize | null
  /**
   * rows of the info bar by the microscope's own word, null where it says nothing that fits: `sure` where the file is so
   * many rows taller than the recorded picture; else the bar's height alone, which may not have been saved
   */
  bar: { rows: number; sure: boolean } | null
  /** what was found and not believed, for people */
  remarks: string[]
}

/** The notes of a TIFF page, the most certain first. Damaged tags keep no picture from being read. */
export async function tiffNotes(tiff: TiffFile, page: TiffPage): Promise<Note[]> {
  const notes: Note[] = []
  const attempt = async (from: string, read: () => Promise<Note | undefined>) => {
    const note = await read().catch((error: Error): Note => ({ from, damaged: error.message }))
    if (note) notes.push(note)
  }
  const take = (tag: number, name: string, read: (text: string, from: string) => Note) =>
    attempt(name, async () => {
      const text = await tiff.text(page, tag)
      return text === undefined ? undefined : read(text, name)
    })
  await take(34682, 'FEI tag 34682', feiNote)
  await take(34680, 'FEI tag 34680', feiNote)
  await take(34118, 'Zeiss tag 34118', zeissNote)
  await take(50431, 'TESCAN tag 50431', tescanNote)
  await take(34683, 'Phenom tag 34683', phenomNote)
  await attempt('JEOL MakerNote', async () => {
    const exif = await tiff.directory(page, 34665)
    const text = exif && (await tiff.text(exif, 37500))
    return text === undefined ? undefined : jeolNote(text, 'JEOL MakerNote')
  })
  await attempt('Gatan tag 65009', async () => {
    const axis = async (scale: number, unit: number): Promise<[number?, string?]> => [
      (await tiff.numbers(page, scale, 1))[0],
      await tiff.text(page, unit),
    ]
    return gatanNote('Gatan tag 65009', await axis(65009, 65003), await axis(65010, 65004))
  })
  await attempt('ImageDescription', async () => {
    // OME describes all pages in the first
    const text = (await tiff.text(page, 270)) ?? (await tiff.text(tiff.pages[0], 270))
    if (text?.includes('<OME')) return omeNote(text, 'OME description')
    if (!text?.startsWith('ImageJ=')) return undefined
    const [[x], [y]] = [await tiff.numbers(page, 282, 1), await tiff.numbers(page, 283, 1)]
    return imagejNote(text, 'ImageJ description', { x, y })
  })
  return notes
}

/** The note that Phenom hides in a JPEG; none is an error. */
export async function jpegNotes(path: string): Promise<Note[]> {
  const most = 2 ** 19
  const file = await open(path)
  try {
    const { size } = await file.stat()
    for (const at of new Set([0, Math.max(0, size - most)])) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(most, size)), 0, Math.min(most, size), at)
      const text = buffer.toString('latin1', 0, bytesRead)
      const from = text.indexOf('<FeiImage')
      const to = text.indexOf('</FeiImage>', from)
      if (from >= 0 && to >= 0) return [phenomNote(text.slice(from, to), 'Phenom text in the JPEG')]
    }
    return []
  } finally {
    await file.close()
  }
}

export { sidecarNotes }

/** What the notes tell of a picture of this size; the first that holds counts. */
export function judge(notes: readonly Note[], width: number, height: number): Findings {
  const remarks: string[] = []
  let pixelSize: PixelSize | null = null
  let bar: Findings['bar'] = null
  for (const note of notes) {
    if (note.damaged) remarks.push(`${note.from} cannot be read: ${note.damaged}`)
    pixelSize ??= pixelSizeOf(note, width, remarks)
    bar ??= barOf(note, width, height)
  }
  return { pixelSize, bar, remarks }
}

function pixelSizeOf({ from, pixel, recorded }: Note, width: number, remarks: string[]): PixelSize | null {
  if (!pixel) return null
  const { x, y = x } = pixel
  const doubt =
    !plausible(x) || !plausible(y)
      ? `pixels of ${x} x ${y} m are no pixels of a micrograph`
      : Math.abs(x / y - 1) > 0.01
        ? `pixels of ${x} x ${y} m are not square`
        : recorded?.width !== undefined && recorded.width !== width
          ? `it speaks of a picture ${recorded.width} pixels wide, this one has ${width}`
          : ''
  if (doubt) remarks.push(`${from}: ${doubt}; its pixel size is not taken`)
  return doubt ? null : { metres: x === y ? x : (x + y) / 2, from }
}

function barOf({ recorded, bar }: Note, width: number, height: number): Findings['bar'] {
  if (recorded?.width !== undefined && recorded.width !== width) return null
  const possible = (rows: number) => Number.isInteger(rows) && rows >= 0 && rows <= height * largestBar
  const below = recorded?.height === undefined ? NaN : height - recorded.height
  if (possible(below)) return { rows: below, sure: true }
  return bar !== undefined && possible(bar) && recorded?.height === undefined ? { rows: bar, sure: false } : null
}
