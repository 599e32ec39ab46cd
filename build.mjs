// Builds dist/: the command line, the engine for any host, and one bundle a test file.
// usage: node build.mjs [--tests]
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
}

rmSync('dist', { recursive: true, force: true })
const node = { ...common, platform: 'node', packages: 'external' }
await Promise.all([
  // 'neutral' fails the build on any import that is not in the bundle: the engine runs in every host
  build({ ...common, platform: 'neutral', entryPoints: ['engine/index.ts'], outfile: 'dist/engine.js' }),
  // a chunk a command: a command loads its own packages and no others; worker.js is a thread's
  build({
    ...node,
    entryPoints: { cli: 'src/main.ts', worker: 'src/training/worker.ts' },
    outdir: 'dist',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  }),
  buildPage(),
  build({ ...node, entryPoints: files('test', '.test.ts'), outdir: 'dist/test', outbase: 'test' }),
])
