// Bundles a page: main.js, main.css and index.html, without external resources. Run from the repository's root.
import { build } from 'esbuild'
import { copyFile, mkdir } from 'node:fs/promises'
import { wgsl } from './wgsl-plugin.mjs'

/** `page` is 'review', 'start' or 'playground': the page in src/PAGE/page. That of the playground has a worker too. */
export async function buildPage(folder = 'dist/review', page = 'review') {
  const source = `src/${page}/page`
  await mkdir(folder, { recursive: true })
  await build({
    entryPoints: {
      main: `${source}/main.tsx`,
      ...(page === 'playground' && { worker: 'src/playground/worker/main.ts' }),
    },
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
    plugins: [wgsl()],
  })
  await copyFile(`${source}/index.html`, `${folder}/index.html`)
}
