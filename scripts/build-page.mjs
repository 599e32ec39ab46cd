// Bundles a page: main.js, main.css and index.html, without external resources. Run from the repository's root.
import { build } from 'esbuild'
import { copyFile, mkdir } from 'node:fs/promises'
import { wgsl } from './wgsl-plugin.mjs'

/** `page` is 'review', 'start' or 'playground': the page in src/PAGE/page. That of the playground has a worker too. */
export async function buildPage(folder = 'dist/review', page = 'review') {
  const source = `src/${page}/page`
  await mkdir(folder, { recursive: true })
  const settings = {
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
  }
  if (page !== 'playground') await build({ ...settings, entryPoints: { main: `${source}/main.tsx` } })
  else {
    // plain scripts: browsers load no modules from files of the machine
    await build({ ...settings, format: 'iife', entryPoints: { main: `${source}/main.tsx` } })
    await build({
      ...settings,
      format: 'iife',
      entryPoints: { worker: 'src/playground/worker/main.ts' },
      // there a worker is started from the text of this function, see src/playground/page/start-worker.ts
      banner: { js: 'function wgsamWorker(){' },
      footer: { js: "}\nif(typeof document==='undefined')wgsamWorker()" },
    })
  }
  await copyFile(`${source}/index.html`, `${folder}/index.html`)
}
