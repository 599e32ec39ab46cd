/** @file The command line of this run, as a person can type it again. */

/** A word as a shell takes it for one. */
export const quote = (word: string): string =>
  /^[\w./:,=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

export const commandLine = (): string => ['wgsam', ...process.argv.slice(2).map(quote)].join(' ')
