/** Bundles the review page into a folder: main.js, main.css and index.html. */
export function buildPage(folder?: string, page?: 'review' | 'start' | 'playground'): Promise<void>
