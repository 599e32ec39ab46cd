/** @file The command line of this run, as a person can type it again. */

export function commandLine(): string {
  const words = process.argv.slice(2).map((word) => {
    if (/^[\w./:,=@+-]+$/.test(word)) return word
    return `'${word.replaceAll("'", "'\\''")}'`
  })
  return ['wgsam', ...words].join(' ')
}
