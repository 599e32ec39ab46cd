/** @file Files of microscopes that hold images with what is known of them: DM3 and DM4 of Gatan, and EMD. */
import type { MicroscopeFormat } from '../sniff-image'
import { countDmPages, readDm } from './dm-image'
import { countEmdPages, readEmd } from './emd'
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
  return format === 'dm' ? readDm(path, page, maxPixels) : readEmd(path, page, maxPixels)
}

/** The number of images of the stack in a microscope's file. @throws Error without the file's name */
export const countMicroscopePages = (path: string, format: MicroscopeFormat): Promise<number> =>
  format === 'dm' ? countDmPages(path) : countEmdPages(path)
