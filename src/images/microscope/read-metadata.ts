/** @file Reads what a microscope recorded about an image, its pixel size and its info bar, and checks it. Nothing is guessed. */
import { messageOf } from '../../host/errors'
import type { TiffFile, TiffPage } from '../tiff-tags'
import type { MicroscopeMetadata } from './metadata'
import { plausible, type PixelSize } from './pixel-size'
import { jeolMetadata } from './jeol'
import {
  feiMetadata,
  gatanMetadata,
  imagejMetadata,
  isThermoXml,
  omeMetadata,
  phenomMetadata,
  tescanMetadata,
  thermoMetadata,
  zeissMetadata,
} from './vendors'

/** Largest fraction of an image's height that a recorded info bar may have; more is taken as a mistake. */
const MAX_BAR = 1 / 3
/** Pixels whose sides differ by more than this fraction are not square. */
const SQUARE_TOLERANCE = 0.01

/** Numbers of TIFF tags: the standard ones of TIFF and EXIF, and those that vendors registered or took. */
const TAG = {
  imageDescription: 270,
  xResolution: 282,
  yResolution: 283,
  resolutionUnit: 296,
  zeiss: 34118,
  exif: 34665,
  feiSfeg: 34680,
  feiHelios: 34682,
  phenom: 34683,
  exifMakerNote: 37500,
  tescan: 50431,
  gatanUnitX: 65003,
  gatanUnitY: 65004,
  gatanScaleX: 65009,
  gatanScaleY: 65010,
} as const

/** The metadata of an image that agree with it. */
export interface CheckedMetadata {
  pixelSize: PixelSize | null
  /**
   * Height of the info bar as recorded, null if nothing that fits was recorded. `sure`: the file is that many rows taller
   * than the recorded image. Otherwise only the bar's height is known, and the bar may not have been saved.
   */
  bar: { rows: number; sure: boolean } | null
  /** Metadata that were found and rejected, as messages for the user. */
  remarks: string[]
}

/** The metadata of a TIFF page, the most reliable first. Damaged tags are recorded; the image can still be read. */
export async function tiffMetadata(tiff: TiffFile, page: TiffPage): Promise<MicroscopeMetadata[]> {
  const found: MicroscopeMetadata[] = []
  const attempt = async (from: string, read: () => Promise<MicroscopeMetadata | undefined>) => {
    const metadata = await read().catch((error: unknown): MicroscopeMetadata => ({ from, damaged: messageOf(error) }))
    if (metadata) found.push(metadata)
  }
  const textTag = (tag: number, name: string, parse: (text: string, from: string) => MicroscopeMetadata) =>
    attempt(name, async () => {
      const text = await tiff.text(page, tag)
      return text === undefined ? undefined : parse(text, name)
    })
  await textTag(TAG.feiHelios, 'FEI tag 34682', feiMetadata)
  await textTag(TAG.feiSfeg, 'FEI tag 34680', feiMetadata)
  await textTag(TAG.zeiss, 'Zeiss tag 34118', zeissMetadata)
  await textTag(TAG.tescan, 'TESCAN tag 50431', tescanMetadata)
  await attempt('Phenom tag 34683', async () => {
    const text = await tiff.text(page, TAG.phenom)
    if (text === undefined) return undefined
    return isThermoXml(text) && !text.includes('<FeiImage')
      ? thermoMetadata(text, 'Thermo Fisher tag 34683')
      : phenomMetadata(text, 'Phenom tag 34683')
  })
  await attempt('JEOL MakerNote', async () => {
    const exif = await tiff.directory(page, TAG.exif)
    const text = exif && (await tiff.text(exif, TAG.exifMakerNote))
    return text === undefined ? undefined : jeolMetadata(text, 'JEOL MakerNote')
  })
  await attempt('Gatan tag 65009', async () => {
    const axis = async (scale: number, unit: number): Promise<[number?, string?]> => [
      (await tiff.numbers(page, scale, 1))[0],
      await tiff.text(page, unit),
    ]
    const x = await axis(TAG.gatanScaleX, TAG.gatanUnitX)
    return gatanMetadata('Gatan tag 65009', x, await axis(TAG.gatanScaleY, TAG.gatanUnitY))
  })
  await attempt('ImageDescription', async () => {
    // OME-TIFF describes all pages in the first one.
    const text = (await tiff.text(page, TAG.imageDescription)) ?? (await tiff.text(tiff.pages[0], TAG.imageDescription))
    if (/<(?:\w{1,20}:)?OME\b/.test(text?.slice(0, 2 ** 16) ?? '')) return omeMetadata(text!, 'OME description')
    if (!text?.startsWith('ImageJ=')) return undefined
    const [x] = await tiff.numbers(page, TAG.xResolution, 1)
    const [y] = await tiff.numbers(page, TAG.yResolution, 1)
    return imagejMetadata(text, 'ImageJ description', { x, y })
  })
  if (!found.some(({ pixel, damaged }) => pixel ?? damaged))
    await attempt('TIFF resolution', () => printerResolution(tiff, page))
  return found
}

/** Units of TIFF's resolution: their name, and how many make a metre. */
const resolutionUnits: Record<number, [name: string, perMetre: number]> = {
  2: ['inch', 1 / 0.0254],
  3: ['centimetre', 100],
}
/** Pixels smaller than this, in metres, are those of no printer, scanner or screen. */
const FINEST_PRINT = 1e-6

/** What the resolution says if it can only be that of a microscope: its tag is meant for printing, and many programs set it at random. */
async function printerResolution(tiff: TiffFile, page: TiffPage): Promise<MicroscopeMetadata | undefined> {
  const [perUnit = 0] = await tiff.numbers(page, TAG.xResolution, 1)
  const [unit = 2] = await tiff.numbers(page, TAG.resolutionUnit, 1)
  const [name, perMetre] = resolutionUnits[unit] ?? []
  const metres = 1 / (perUnit * (perMetre ?? NaN))
  if (!(metres < FINEST_PRINT && plausible(metres))) return undefined
  const size = Number((metres * 1e9).toPrecision(4))
  return {
    from: 'TIFF resolution',
    damaged: `its ${perUnit.toLocaleString('en-GB')} pixels per ${name} would be ${size} nm per pixel, but the tag is meant for printing; it is not used. If it is right, give --pixel-size ${size}nm`,
  }
}

/** Checks metadata against an image of this size. For each property the first entry that passes is used. */
export function checkMetadata(metadata: readonly MicroscopeMetadata[], width: number, height: number): CheckedMetadata {
  const remarks: string[] = []
  let pixelSize: PixelSize | null = null
  let bar: CheckedMetadata['bar'] = null
  for (const entry of metadata) {
    if (entry.damaged) remarks.push(`${entry.from} cannot be read: ${entry.damaged}`)
    pixelSize ??= pixelSizeOf(entry, width, remarks)
    bar ??= barOf(entry, width, height)
  }
  return { pixelSize, bar, remarks }
}

function pixelSizeOf(
  { from, pixel, recorded }: MicroscopeMetadata,
  width: number,
  remarks: string[],
): PixelSize | null {
  if (!pixel) return null
  const { x, y = x } = pixel
  const doubt =
    !plausible(x) || !plausible(y)
      ? `pixels of ${x} x ${y} m are not plausible for a micrograph`
      : Math.abs(x / y - 1) > SQUARE_TOLERANCE
        ? `pixels of ${x} x ${y} m are not square`
        : recorded?.width !== undefined && recorded.width !== width
          ? `it describes an image ${recorded.width} pixels wide, this one has ${width}`
          : ''
  if (doubt) remarks.push(`${from}: ${doubt}; its pixel size is not used`)
  return doubt ? null : { metres: x === y ? x : (x + y) / 2, from }
}

function barOf({ recorded, bar }: MicroscopeMetadata, width: number, height: number): CheckedMetadata['bar'] {
  if (recorded?.width !== undefined && recorded.width !== width) return null
  const possible = (rows: number) => Number.isInteger(rows) && rows >= 0 && rows <= height * MAX_BAR
  const below = recorded?.height === undefined ? NaN : height - recorded.height
  if (possible(below)) return { rows: below, sure: true }
  return bar !== undefined && possible(bar) && recorded?.height === undefined ? { rows: bar, sure: false } : null
}
