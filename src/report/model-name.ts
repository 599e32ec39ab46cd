/** @file The names of models in headings and captions. */

/** 'base at 512' as 'Base model at 512'; an adapter's own name stays as it is. */
export const modelName = (name: string): string =>
  name
    .replace(/^(base|adapted|merged)(?=$| at \d+$)/, (word) => `${word[0].toUpperCase()}${word.slice(1)} model`)
    .replace(/^watershed$/, 'Otsu and watershed')
