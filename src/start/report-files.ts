/** @file Serves the reports in a project's folder. */
import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { extname, join } from 'node:path'
import { HttpError } from '../host/http-error'
import { headers } from '../host/local-http'

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
}

/**
 * A report may be of somebody else's project: it gets a separate origin, so that a script in it reaches neither this server nor
 * any other.
 */
const POLICY = [
  'sandbox allow-scripts allow-popups allow-downloads allow-modals',
  "default-src 'none'",
  "img-src data: 'self'",
  "style-src 'unsafe-inline'",
  "script-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** @param path report.html, or a file in measured/ @throws HttpError 404 if there is no such report */
export async function sendReport(project: string, path: string, response: ServerResponse): Promise<void> {
  const type = types[extname(path)]
  if (!type || !/^(report\.html|measured\/[\w-][\w.-]*)$/.test(path))
    throw new HttpError(404, `there is no report ${path}`)
  const data = await readFile(join(project, path)).catch(() => {
    throw new HttpError(404, `there is no report ${path} yet`)
  })
  response
    .writeHead(200, {
      ...headers,
      'Content-Security-Policy': POLICY,
      'Content-Type': type,
      'Cache-Control': 'no-cache',
    })
    .end(data)
}
