/** @file The frame that all reports share: one HTML file that needs nothing else. */
import { escape } from '../text/escape'
import { style } from './page-style'

export interface Page {
  title: string
  /** The first lines below the title, a text. */
  about: string
  /** What follows, HTML. */
  body: string
  /** Rules beside the reports' own. */
  css?: string
  /** The heading, where it is not the title. */
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

/** Rows of a name and a text. */
export const factTable = (facts: readonly (readonly [string, string])[]): string =>
  `<table class="facts">${facts.map(([name, text]) => `<tr><th>${escape(name)}</th><td>${escape(text)}</td></tr>`).join('')}</table>`
