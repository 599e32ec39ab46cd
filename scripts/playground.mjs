// `npm run build:playground` writes the playground to dist/playground: files that any web server can serve, also below a path.
// `npm run playground` serves them on this machine too, as `wgsam playground` does. PORT chooses the port.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPage } from './build-page.mjs'

process.chdir(resolve(dirname(fileURLToPath(import.meta.url)), '..'))
const run = (...args) => spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
const serves = !process.argv.includes('--build')
if (serves && !existsSync('dist/cli.js')) run('build.mjs')
await buildPage('dist/playground', 'playground')
console.log('the playground is in dist/playground')
if (serves) process.exitCode = run('dist/cli.js', 'playground', '--no-open', '--port', process.env.PORT ?? '8377')
