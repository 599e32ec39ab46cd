/** @file The names of models in headings and captions. */

/** 'base at 512' as 'Base model at 512'; an adapter's own name stays as it is. */
export const modelName = (name: string): string =>
  name
    .replace(/^(base|adapted)(?=$| at \d+$)/, (word) => (word === 'base' ? 'Base model' : 'Adapted model'))
    .replace(/^watershed$/, 'Otsu and watershed')
