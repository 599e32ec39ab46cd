// Bundles the review page: main.js, main.css and index.html, which load nothing else. usage: node scripts/build-page.mjs [FOLDER]
import { build } from 'esbuild'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

export async function buildPage(folder = join(root, 'dist/review')) {
  await mkdir(folder, { recursive: true })
  await build({
    entryPoints: [join(root, 'src/review/page/main.tsx')],
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
  await copyFile(join(root, 'src/review/page/index.html'), join(folder, 'index.html'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage(process.argv[2])
