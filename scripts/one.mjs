// Bundles and runs one test file without touching dist/.
// usage: node scripts/one.mjs test/engine/ops/gemm.test.ts [arguments]
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { wgsl } from './wgsl-plugin.mjs'

const [file, ...rest] = process.argv.slice(2)
if (!file) {
  console.error('usage: node scripts/one.mjs FILE.ts [arguments]')
  process.exit(1)
}
const outfile = `.cache/one/${file.replace(/[^a-z0-9]+/gi, '-')}.mjs`
await build({
  entryPoints: [file],
  outfile,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
  plugins: [wgsl()],
  loader: { '.py': 'text' },
})
const { status, signal } = spawnSync(process.execPath, ['--enable-source-maps', outfile, ...rest], { stdio: 'inherit' })
if (signal) console.error(`ended by ${signal}`)
process.exitCode = status ?? 1
