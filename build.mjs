// Builds dist/: the command line, the engine for any host, the review page, and one bundle per test file.
import { build } from 'esbuild'
import { readdirSync, rmSync, existsSync } from 'node:fs'
import { buildPage } from './scripts/build-page.mjs'
import { wgsl } from './scripts/wgsl-plugin.mjs'

const files = (folder, suffix) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true })
        .filter((f) => f.endsWith(suffix))
        .map((f) => `${folder}/${f}`)
    : []

const common = {
  bundle: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: 'linked',
  logLevel: 'warning',
  logOverride: { 'direct-eval': 'silent' },
  plugins: [wgsl()],
  loader: { '.py': 'text' },
}

rmSync('dist', { recursive: true, force: true })
const node = { ...common, platform: 'node', packages: 'external' }
await Promise.all([
  // 'neutral' fails the build on any import that is not in the bundle: the engine runs in every host. Constant expressions are
  // folded (minifySyntax), because bundlers keep a table with 2 * 132 in it, and with it the shaders that it names
  build({
    ...{ ...common, platform: 'neutral', entryPoints: ['engine/index.ts'], outfile: 'dist/engine.js' },
    minifySyntax: true,
  }),
  // one chunk per command, so that a command loads only its own packages; node.js is the same for programs, worker.js is the training worker thread,
  // matrix-probe.js the process that tries a GPU's matrix units, emd-worker.js the thread that reads EMD files
  build({
    ...node,
    entryPoints: {
      cli: 'src/main.ts',
      node: 'src/node.ts',
      worker: 'src/training/worker.ts',
      'matrix-probe': 'src/host/matrix-probe-process.ts',
      'emd-worker': 'src/images/microscope/emd-worker.ts',
    },
    outdir: 'dist',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  }),
  build({ ...common, platform: 'browser', entryPoints: ['src/web.ts'], outfile: 'dist/web.js' }),
  buildPage(),
  buildPage('dist/start', 'start'),
  build({ ...node, entryPoints: files('test', '.test.ts'), outdir: 'dist/test', outbase: 'test' }),
])
