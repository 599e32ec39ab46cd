/** @file The style sheet of reports: light, dark and print, for all screen sizes. */
import { colours } from './raster'

const rgb = (colour: readonly number[]) => `rgb(${colour.join(' ')})`

export const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --paper: #ffffff; --card: #f6f7f9; --line: #dfe3e8;
  --good: #0a7d46; --bad: #b42318; --s1: #1769d1; --s2: #d1590b; --s3: #6b4fc9; --s4: #12805c;
  --s5: var(--ink); }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a3abb6; --paper: #14171b; --card: #1d2127;
  --line: #343a43; --good: #4cc38a; --bad: #ff8a7a; --s1: #6cb0ff; --s2: #ff9f5a; --s3: #b39dff; --s4: #58cfa4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  overflow-wrap: anywhere; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 6px; }
h2 { font-size: 1.2rem; margin: 40px 0 12px; }
p { margin: 0 0 12px; max-width: 70ch; }
.soft, figcaption, .note { color: var(--soft); }
.note { font-size: 0.875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin: 22px 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 0.9rem; }
.scroll { overflow-x: auto; background:
  linear-gradient(to left, var(--paper) 40%, transparent) right / 44px 100% no-repeat local,
  linear-gradient(to left, color-mix(in srgb, var(--ink) 26%, transparent), transparent) right / 16px 100% no-repeat scroll; }
thead th { white-space: normal; vertical-align: bottom; overflow-wrap: normal; }
.scroll :is(th, td):first-child { position: sticky; left: 0; background: var(--paper); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; color: var(--soft); font-size: 0.875rem; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
th.number, td.number { text-align: right !important; }
small { color: var(--soft); font-size: 0.78rem; font-weight: 400; margin-left: 2px; }
h3 { font-size: 1rem; margin: 22px 0 8px; } h3 .soft { font-weight: 400; }
table.scores td:nth-child(2), table.scores th:nth-child(2) { text-align: right; }
table.scores small { display: block; margin: 0; } table.scores td { vertical-align: top; }
.charts.single { max-width: 640px; } details + .note, .scroll + .note { margin-top: 10px; }
.up { color: var(--good); font-weight: 600; } .down { color: var(--bad); font-weight: 600; }
table.facts th, table.facts td { text-align: left; white-space: normal; vertical-align: top; }
table.facts th { width: 11rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); gap: 16px; }
figure { margin: 0; }
.chart { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px 6px; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 0.9rem; }
.chart b { color: var(--ink); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--line); }
svg path { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg path.dashed { stroke-dasharray: 6 4; } svg path.faint { stroke-width: 1; opacity: 0.35; }
${[1, 2, 3, 4, 5]
  .map(
    (i) => `svg path.s${i} { stroke: var(--s${i}); } svg circle.s${i} { fill: var(--s${i}); }
.key.s${i}::before { border-color: var(--s${i}); }`,
  )
  .join('\n')}
.key::before { content: ''; display: inline-block; width: 18px; border-top: 2.5px solid; vertical-align: middle;
  margin-right: 6px; }
.key.dashed::before { border-top-style: dashed; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 0.9rem; margin: 0 0 14px; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 14px; height: 14px; border-radius: 3px; margin-right: 6px; vertical-align: -2px;
  border: 1px solid var(--line); }
${Object.entries(colours)
  .map(([name, colour]) => `.legend .${name} { background: ${rgb(colour)}; }`)
  .join('\n')}
.example { margin: 0 0 30px; break-inside: avoid; }
.example h3, .example h4 { font-size: 0.95rem; margin: 0 0 8px; } .example h3 span, .example h4 span { font-weight: 400; color: var(--soft); }
.pictures { display: grid; grid-template-columns: repeat(2, 1fr); gap: 10px; }
.pictures img { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--card); }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; margin: 0 0 18px; }
.worst img { display: block; width: 100%; height: auto; border-radius: 6px; background: var(--card); }
.worst figcaption { font-size: 0.8rem; padding: 3px 0 0; }
.pictures figcaption { font-size: 0.85rem; padding: 3px 0 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; white-space: pre-wrap;
  font: 0.85rem/1.5 ui-monospace, monospace; margin: 0; }
details { margin-top: 10px; } summary { cursor: pointer; color: var(--soft); }
@media (max-width: 560px) { main { padding: 20px 14px 40px; } .pictures { grid-template-columns: 1fr; }
  table.facts th { width: 7.5rem; padding-left: 0; overflow-wrap: break-word; } h1 { font-size: 1.45rem; }
  .scroll :is(th, td) { padding: 6px 7px; } .scroll :is(th, td):first-child { white-space: normal; min-width: 6.5rem; }
  svg text { font-size: 13.5px; } .pictures.wide figure { overflow-x: auto; } .pictures.wide img { width: auto; height: 240px; max-width: none; } }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --paper: #fff; --card: #fff; --line: #bbb;
  --good: #0a7d46; --bad: #b42318; --s1: #1769d1; --s2: #d1590b; --s3: #6b4fc9; --s4: #12805c; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; } h2, h3, h4, .legend { break-after: avoid; }
  h2 { margin-top: 24px; } .note { font-size: 8.5pt; }
  .tiles { grid-template-columns: repeat(4, 1fr); } .tile { padding: 8px 10px; } .tile b { font-size: 12pt; } .tile span { font-size: 8pt; }
  .charts { grid-template-columns: 1fr 1fr; } .charts.single { max-width: 60%; grid-template-columns: 1fr; } .chart, .tile, tr, figure { break-inside: avoid; }
  .scroll { overflow: visible; background: none; } .scroll table, .facts { font-size: 8pt; } th, td { padding: 2.5px 5px; } th { font-size: inherit; }
  .scroll th, .scroll td { white-space: normal; overflow-wrap: normal; hyphens: auto; } small { font-size: 6.5pt; } table.scores small { white-space: nowrap; }
  .pictures { grid-template-columns: repeat(4, 1fr); gap: 6px; } .pictures figcaption { font-size: 7.5pt; } .pictures.wide { grid-template-columns: 1fr; }
  pre { font-size: 7.5pt; } details:not([open]) { display: none; } .legend i { print-color-adjust: exact; } }
`
