/** @file A local HTTP server of some bytes, for tests of downloads. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Served {
  /** Of the folder, with a slash at its end. */
  base: string
  /** The ranges that were asked for, or 'whole'. */
  requests: string[]
  close(): Promise<void>
}

export interface ServeOptions {
  /** False: the server knows no ranges. 'hidden': it sends parts without telling the size, as a page sees a foreign server. */
  ranges?: boolean | 'hidden'
  status?: number
  /** Close the connection after this many bytes of an answer. */
  breakAfter?: number
  /** Refuse connections that ask for a range, as browsers do for servers that do not allow them. */
  refuseRanges?: boolean
  etag?: () => string
}

/** Serves files by their names, in parts if `ranges`. */
export async function serveBytes(
  files: Readonly<Record<string, Uint8Array>>,
  { ranges = true, status = 200, breakAfter = Infinity, refuseRanges = false, etag }: ServeOptions = {},
): Promise<Served> {
  const requests: string[] = []
  const server = createServer(({ headers, url, socket }, response) => {
    const body = files[url!.slice(1).replace(/\?.*/, '')]
    requests.push(headers.range ?? 'whole')
    if (refuseRanges && headers.range) return void socket.destroy()
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    const tag = etag && { etag: etag() }
    const send = (code: number, part: Uint8Array, more: Record<string, string> = {}) => {
      response.writeHead(code, { 'content-length': part.length, ...tag, ...more })
      if (part.length <= breakAfter) return void response.end(part)
      response.write(part.subarray(0, breakAfter), () => socket.destroy())
    }
    if (status !== 200 || !body) return void response.writeHead(body ? status : 404).end()
    if (!ranges || !start) return send(200, body)
    const part = body.subarray(+start, +end + 1)
    const range = { 'content-range': `bytes ${start}-${+start + part.length - 1}/${body.length}` }
    send(206, part, ranges === 'hidden' ? {} : range)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  // a test that fails before it closes the server ends all the same
  server.unref()
  const { port } = server.address() as AddressInfo
  const close = () => new Promise<void>((done) => (server.close(() => done()), server.closeAllConnections()))
  return { base: `http://127.0.0.1:${port}/`, requests, close }
}
