/**
 * @file Text for a terminal. Names of files and texts inside them may contain control characters, with which a terminal can be
 * made to move its cursor, change its title, or show other text than was printed: they are shown as \u001b in place of being sent.
 */

/** Control characters but line breaks and tabs, and the marks that reverse the direction of writing. */
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g

/** The text with every control character as its JSON escape, so that printed JSON keeps its meaning. */
export const visible = (text: string): string =>
  text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Makes all that console prints from now on visible. What commands print goes through it. */
export function guardConsole(): void {
  for (const name of ['log', 'info', 'warn', 'error'] as const) {
    const print = console[name].bind(console)
    console[name] = (...values: unknown[]) =>
      print(...values.map((value) => (typeof value === 'string' ? visible(value) : value)))
  }
}
