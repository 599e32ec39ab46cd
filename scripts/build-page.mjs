// Bundles a page: main.js, main.css and index.html, without external resources. Run from the repository's root.
import { build } from 'esbuild'
import { copyFile, mkdir } from 'node:fs/promises'

/** `page` is 'review' or 'start': the page in src/PAGE/page */
export async function buildPage(folder = 'dist/review', page = 'review') {
  const source = `src/${page}/page`
  await mkdir(folder, { recursive: true })
  await build({
    entryPoints: [`${source}/main.tsx`],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  })
  await copyFile(`${source}/index.html`, `${folder}/index.html`)
}
