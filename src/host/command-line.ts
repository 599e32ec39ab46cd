/** @file The command line of this process, in a form that can be pasted into a shell. */

/** An argument, quoted if a shell would otherwise split or interpret it. */
export const shellQuote = (word: string): string =>
  /^[\w./:,=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

export const commandLine = (): string => ['wgsam', ...process.argv.slice(2).map(shellQuote)].join(' ')
