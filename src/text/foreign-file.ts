/** @file Files of other programs that are not read: recognised by their first bytes or their name, each with the way on. */
import { readdir } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { count } from './count'
import { GEOJSON, lfsPointer } from './known-contents'

interface ForeignFile {
  /** What it is: 'it is a MATLAB file'. */
  is: string
  /** What to do; undefined if exporting it as TIFF or PNG says enough. */
  way?: string
}

interface Kind extends ForeignFile {
  /** The file's first bytes as latin-1. */
  start?: RegExp
  /** The end of its name. */
  name?: RegExp
}

/** This many bytes are enough to recognise a file. */
export const FOREIGN_BYTES = 512

const fiji = 'open it in the microscope’s program or in Fiji (File > Import > Bio-Formats), and save it as TIFF'
const profilometer = 'export the image as TIFF or PNG in the instrument’s program or in Gwyddion'

const kinds: readonly Kind[] = [
  { ...lfsPointer, is: `it is ${lfsPointer.is}` },
  {
    start: /^\x93NUMPY.*'descr': '\|O'/s,
    name: /_seg\.npy$/i,
    is: "it is a NumPy file of Python objects, as Cellpose's _seg.npy is",
    way: 'save the masks in Cellpose as PNG or TIFF',
  },
  {
    start: /^(\x93NUMPY|PK\x03\x04.{26}[^/]{0,80}\.npy)/s,
    name: /\.np[yz]$/i,
    is: 'it is an array of NumPy',
    way: 'save it as TIFF or PNG, for example with tifffile.imwrite("NAME.tif", array)',
  },
  {
    start: /^MATLAB [57]/,
    name: /\.mat$/i,
    is: 'it is a MATLAB file',
    way: 'save the label map in MATLAB with imwrite(uint16(labels), "labels.png")',
  },
  {
    start: /^\s*[[{].*"type"\s*:\s*"Feature/s,
    name: /\.geojson$/i,
    is: GEOJSON,
    way: 'export a labelled image in QuPath as TIFF or PNG',
  },
  {
    start: /^(\xef\xbb\xbf)?#?filename,file_size,/,
    is: 'it is a CSV file of VIA',
    way: 'export the annotations in VIA as JSON, which `wgsam dataset import` reads',
  },
  {
    start: /^\s*\{.*"zarr_format"/s,
    name: /(\.zarr|^\.z(array|group|attrs)|^zarr\.json)$/i,
    is: 'it is Zarr, as OME-Zarr is',
    way: 'save the image, or the labels in it, as TIFF, for example in napari',
  },
  {
    start: /^\x89HDF\r\n\x1a\n/,
    name: /\.(h5|hdf5|ilp|he5)$/i,
    is: 'it is an HDF5 file',
    way: 'save the image or the label map in it as TIFF or PNG (ilastik: choose tif as the format of its export)',
  },
  { start: /^ZISRAW/, name: /\.czi$/i, is: 'it is a CZI file of Zeiss', way: fiji },
  { start: /^p\0\0\0.{4}\x2a/s, name: /\.lif$/i, is: 'it is a LIF file of Leica', way: fiji },
  { start: /^\xda\xce\xbe\x0a/, name: /\.nd2$/i, is: 'it is an ND2 file of Nikon', way: fiji },
  {
    start: /^\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1/,
    name: /\.(oib|zvi)$/i,
    is: 'it is a compound file of OLE, as the OIB of Olympus, the ZVI of Zeiss and older documents of Office are',
    way: fiji,
  },
  { start: /^OLYMPUSRAWFORMAT/, name: /\.(oif|oir|vsi|sis|ets)$/i, is: 'it is a file of Olympus', way: fiji },
  { start: /^II\x97\x01/, name: /\.ser$/i, is: 'it is a SER file of TIA (FEI)', way: fiji },
  { start: /^.{208}MAP /s, name: /\.(mrc|mrcs)$/i, is: 'it is an MRC file', way: fiji },
  { start: /^AAMVHFSS/, name: /\.bcf$/i, is: 'it is a BCF file of Bruker', way: 'export the image as TIFF in Esprit' },
  { start: /^GWYP/, name: /\.gwy$/i, is: 'it is a file of Gwyddion', way: 'export it as TIFF or PNG in Gwyddion' },
  { start: /^\\\*File list/, name: /\.spm$/i, is: 'it is an SPM file of Bruker', way: profilometer },
  { start: /^.{128}DICM/s, name: /\.dcm$/i, is: 'it is a DICOM file', way: fiji },
  { start: /^.{344}(n\+1|ni1)\0/s, name: /\.nii(\.gz)?$/i, is: 'it is a NIfTI file', way: fiji },
  { start: /^NRRD0/, name: /\.nrrd$/i, is: 'it is an NRRD file', way: fiji },
  { start: /^GIF8/, name: /\.gif$/i, is: 'it is a GIF' },
  { start: /^....ftyp(avif|heic|heix|mif1)/s, name: /\.(avif|hei[cf])$/i, is: 'it is an AVIF or HEIC image' },
  { start: /^(\xff\x0a|\0\0\0\x0cJXL )/, name: /\.jxl$/i, is: 'it is a JPEG XL image' },
  { start: /^(\xff\x4f\xff\x51|\0\0\0\x0cjP )/, name: /\.(jp2|j2k|jpx)$/i, is: 'it is a JPEG 2000 image' },
  { start: /^%PDF/, name: /\.pdf$/i, is: 'it is a PDF' },
  { start: /^8BPS/, name: /\.psd$/i, is: 'it is a Photoshop file' },
  { start: /^P[1-7]\s/, name: /\.p[bgpnf]m$/i, is: 'it is a PNM image (PBM, PGM or PPM)' },
  { start: /^(SIMPLE  =|\x76\x2f\x31\x01)/, name: /\.(fits|exr)$/i, is: 'it is a FITS or OpenEXR image' },
  { start: /^\s*<(!doctype|html|\?xml|svg|annotation)/i, is: 'it is a text file (HTML, XML or SVG)' },
  { start: /^PK\x03\x04/, is: 'it is a zip archive', way: 'unpack it, or export the image as TIFF or PNG' },
]

/** What a file is, by its first bytes (see FOREIGN_BYTES) or else its name; undefined if unknown. */
export function foreignFile(start: Uint8Array, name = ''): ForeignFile | undefined {
  const text = Buffer.from(start.subarray(0, FOREIGN_BYTES)).toString('latin1')
  return kinds.find((kind) => kind.start?.test(text)) ?? kinds.find((kind) => kind.name?.test(name))
}

/** What the files of a folder are in which none was found that can be read, with the way on; '' if none is recognised. */
export async function foreignIn(folder: string): Promise<string> {
  return foreignNames([basename(resolve(folder))]) || foreignNames(await readdir(folder).catch(() => []))
}

function foreignNames(names: readonly string[]): string {
  const found = new Map<Kind, string[]>()
  for (const name of names) {
    const kind = kinds.find((kind) => kind.name?.test(name))
    if (kind) found.set(kind, [...(found.get(kind) ?? []), name])
  }
  const [first] = [...found].sort(([, a], [, b]) => b.length - a.length)
  if (!first) return ''
  const [{ is, way = 'export it as TIFF or PNG' }, files] = first
  const example = files.length > 1 ? `${count(files.length, 'file')} such as ${files[0]}` : files[0]
  return `; it has ${example}: ${is}, which is not read. To use it, ${way}`
}
