/** @file Names of images and models out of names of files. */

/** A file's name without its ending, and without characters that would not do in a name. */
export const stem = (name: string) => name.replace(/\.[^.]+$/, '').replace(/[\\/:\u0000-\u001f]/g, '_') || 'image'
