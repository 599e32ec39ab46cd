/** @file Contents that several readers recognise and refuse, each with the same words. It runs in any host. */

/** A pointer of Git LFS in the place of a file. */
export const lfsPointer = {
  /** Its first bytes as text. */
  start: /^version https:\/\/git-lfs/,
  is: 'a pointer of Git LFS',
  way: 'fetch the file itself with `git lfs pull`',
}

export const GEOJSON = 'it is GeoJSON, as QuPath writes it'
