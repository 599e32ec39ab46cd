// `npm run build:playground` writes the playground to dist/playground: files that any web server can serve, also below a path.
// `npm run playground` serves them on this machine too. PORT chooses the port.
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildPage } from './build-page.mjs'

process.chdir(resolve(dirname(fileURLToPath(import.meta.url)), '..'))
const folder = 'dist/playground'
await buildPage(folder, 'playground')
console.log(`the playground is in ${folder}`)
if (!process.argv.includes('--build')) serve()

function serve() {
  const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }
  const server = createServer(async (request, response) => {
    const name = new URL(request.url, 'http://localhost').pathname.slice(1) || 'index.html'
    const type = types[extname(name)]
    // the folder is flat: nothing outside it can be named
    const content = type && /^[\w.-]+$/.test(name) ? await readFile(join(folder, name)).catch(() => null) : null
    response.writeHead(content ? 200 : 404, { 'content-type': type ?? 'text/plain', 'cache-control': 'no-cache' })
    response.end(content ?? 'not found')
  })
  server.on('error', (error) => {
    console.error(error.code === 'EADDRINUSE' ? 'this port is in use: set PORT to another' : error.message)
    process.exitCode = 1
  })
  server.listen(Number(process.env.PORT ?? 8377), '127.0.0.1', () =>
    console.log(`http://localhost:${server.address().port}/  (Ctrl-C ends it)`),
  )
}
