const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as HTML, in elements and in quoted attributes. */
export const escape = (text: string | number): string => String(text).replace(/[&<>"']/g, (c) => entities[c])
