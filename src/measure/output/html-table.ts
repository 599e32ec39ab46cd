/** @file HTML tables of the report. */
import { escape } from '../../text/escape'

export const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead><tr>${header.map((text) => `<th>${escape(text)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((text) => `<td>${cell(text)}</td>`).join('')}</tr>`)
    .join('')}</tbody></table></div>`

/** A value with its interval below it, `12.3 (11.8 to 12.9)`, takes half the width. */
const cell = (text: string): string =>
  escape(text).replace(/^(\S+(?: %)?) (\([^()]+ to [^()]+\))$/, '$1<small class="range">$2</small>')

/** A table of the groups, folded if they are many. */
export const ofGroups = (groups: readonly unknown[], content: string): string =>
  groups.length
    ? `<details${groups.length <= 4 ? ' open' : ''}><summary>The same of each group</summary>${content}</details>`
    : ''

/** A list under a heading; nothing without lines. */
export const list = (title: string, lines: readonly string[]): string =>
  lines.length ? `<h2>${escape(title)}</h2><ul>${lines.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>` : ''

export const note = (text: string): string => `<p class="note">${escape(text)}</p>`
