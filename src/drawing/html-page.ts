/** @file The HTML page of all reports: a single file without external resources. */
import { escape } from '../text/escape'
import { style } from './page-style'

export interface Page {
  title: string
  /** Plain text below the heading. */
  about: string
  /** The rest of the page, HTML. */
  body: string
  /** CSS rules in addition to the common style sheet. */
  css?: string
  /** The heading, if it differs from the title. */
  heading?: string
}

export const page = ({ title, heading = title, about, body, css = '' }: Page): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="wgsam">
<title>${escape(title)}</title>
<style>${style}${css}</style>
</head>
<body>
<main>
<h1>${escape(heading)}</h1>
<p class="soft">${escape(about)}</p>
${body}
</main>
</body>
</html>
`

/** A table of names and texts. */
export const factTable = (facts: readonly (readonly [string, string])[]): string =>
  `<table class="facts">${facts.map(([name, text]) => `<tr><th>${escape(name)}</th><td>${escape(text)}</td></tr>`).join('')}</table>`
