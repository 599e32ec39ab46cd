// Bundles the review page: main.js, main.css and index.html, without external resources. Run from the repository's root.
import { build } from 'esbuild'
import { copyFile, mkdir } from 'node:fs/promises'

const source = 'src/review/page'

export async function buildPage(folder = 'dist/review') {
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
