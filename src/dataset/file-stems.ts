/** @file Stems: names of files without folder and extension, by which images and labels are paired. */

/** A file name without folder and extension. */
export const stemOf = (file: string): string => file.replace(/^.*[\\/]/, '').replace(/\.[^.]+$/, '')

/** An image's id as a file's stem: the ids of several folders begin with the folder's name and a slash. */
export const stemOfId = (id: string): string => id.replaceAll('/', '_')
