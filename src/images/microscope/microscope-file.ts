/** @file Files of microscopes that hold images with what is known of them: DM3 and DM4 of Gatan. */
import type { MicroscopeFormat } from '../sniff-image'
import { countDmPages, readDm } from './dm-image'
import type { MicroscopePage } from './metadata'

/**
 * Reads an image of a microscope's file.
 * @param page image of a stack, from 0
 * @throws Error without the file's name
 */
export function readMicroscopeFile(
  path: string,
  format: MicroscopeFormat,
  page: number,
  maxPixels: number,
): Promise<MicroscopePage> {
  if (format === 'dm') return readDm(path, page, maxPixels)
  throw new Error('it is an HDF5 file')
}

/** The number of images of the stack in a microscope's file. @throws Error without the file's name */
export async function countMicroscopePages(path: string, format: MicroscopeFormat): Promise<number> {
  return format === 'dm' ? countDmPages(path) : 1
}
