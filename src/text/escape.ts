/** @file Escaping of text for HTML. */

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Escapes a text for HTML elements and quoted attributes. */
export const escape = (text: string | number): string => String(text).replace(/[&<>"']/g, (c) => entities[c])
