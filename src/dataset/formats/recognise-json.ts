/** @file Recognises whose annotations a JSON value holds, for the message of a reader that was given another program's file. */
import { contentOf, decodeText } from '../../text/decode-text'
import { GEOJSON } from '../../text/known-contents'
import { isObject } from './json'

interface Known {
  is: string
  /** The name of the format that reads it, or else what to do. */
  format?: string
  way?: string
}

/** What a JSON value is, with the way on: '; it is a file of labelme: --format labelme'; '' if it is unknown or of the `wanted` format. */
export function otherFormat(json: unknown, wanted: string): string {
  const found = knownFormat(json)
  if (!found || found.format === wanted) return ''
  return `; ${found.is}: ${found.format ? `--format ${found.format}` : found.way}`
}

/** What a file is that should be XML, as otherFormat says it; '' if that is unknown. */
export function otherContent(bytes: Uint8Array): string {
  const content = contentOf(bytes)
  if (content && !/^it is XML( of CVAT|$)/.test(content)) return `; ${content}`
  try {
    return otherFormat(JSON.parse(decodeText(bytes)), 'cvat')
  } catch {
    return ''
  }
}

function knownFormat(json: unknown): Known | undefined {
  const first = Array.isArray(json) ? json[0] : json
  if (!isObject(first)) return undefined
  const has = (...keys: string[]) => keys.every((key) => key in first)
  if (typeof first.type === 'string' && /^(Feature|GeometryCollection|Polygon|MultiPolygon)/.test(first.type))
    return {
      is: GEOJSON,
      way: 'export a labelled image in QuPath, and use --format labels',
    }
  if (has('shapes', 'imagePath')) return { is: 'it is a file of labelme', format: 'labelme' }
  if (has('project', 'metadata', 'view')) return { is: 'it is a file of VIA 3', way: 'export it as COCO' }
  if (has('_via_img_metadata') || Object.values(first).some((entry) => isObject(entry) && 'regions' in entry))
    return { is: 'it is a file of VIA', format: 'via' }
  if (has('data') && (has('annotations') || has('completions')))
    return { is: 'it is a file of Label Studio', format: 'label-studio' }
  if (has('images', 'annotations') || has('image', 'annotations') || has('segmentation'))
    return { is: 'it is a COCO file', format: 'coco' }
  if (
    has('objects', 'size') ||
    has('projectType', 'classes') ||
    (has('classes', 'tags') && Array.isArray(first.classes))
  )
    return { is: 'it is a file of Supervisely', way: 'export the project as COCO' }
  if (has('items', 'categories')) return { is: 'it is a file of Datumaro', way: 'export it as COCO' }
  if (has('item', 'annotations')) return { is: 'it is a file of Darwin (V7)', way: 'export it as COCO' }
  if (has('data_row') || has('DataRow ID') || has('Labeled Data'))
    return { is: 'it is a file of Labelbox', way: 'export it as COCO, or save its masks as label maps' }
  if (isObject(first.dataset) && 'samples' in first.dataset)
    return { is: 'it is a release of Segments.ai', way: 'export it as COCO instances' }
  if (has('zarr_format')) return { is: 'it is a part of Zarr', way: 'save the labels as TIFF, and use --format labels' }
  return undefined
}
