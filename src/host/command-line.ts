/** @file The command line of this process, in a form that can be pasted into a shell. */

/**
 * An argument, quoted if a shell would otherwise split or interpret it: for POSIX shells, or for cmd.exe and PowerShell of Windows.
 * Names with a backtick or a dollar sign are for PowerShell only, because cmd.exe has no quotes that PowerShell reads the same way.
 */
export function shellQuote(word: string, platform: string = process.platform): string {
  if (platform !== 'win32') return /^[\w./:,=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  if (/^[\w./:\\+-]+$/.test(word)) return word
  if (/[$`]/.test(word)) return `'${word.replaceAll("'", "''")}'`
  // a program takes \" for a quotation mark, so backslashes before one are doubled
  return `"${word.replace(/(\\*)("|$)/g, (_, slashes: string, quote: string) => slashes + slashes + (quote && '\\"'))}"`
}

export const commandLine = (): string => ['wgsam', ...process.argv.slice(2).map((word) => shellQuote(word))].join(' ')
