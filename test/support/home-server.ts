/** @file The server of the home page, with jobs that do nothing and a model that cannot be loaded. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { PromptSession } from '../../src/review/prompt-session'
import { readPixels } from '../../src/review/read-pixels'
import type { Asset } from '../../src/review/page-files'
import { Home } from '../../src/start/home'
import type { HomeState, Job } from '../../src/start/protocol'
import { serveHome } from '../../src/start/server'
import { eventually } from './eventually'
import { FakeProcesses } from './fake-jobs'
import { png8, put, scratch } from './files'
import { ask, square, writeImage } from './review'

const bare: ReadonlyMap<string, Asset> = new Map([
  ['index.html', { type: 'text/html', data: Buffer.from('<title>home</title>') }],
])

/**
 * A server whose jobs do nothing, and a folder of two images.
 * @param assets files of the page
 * @param reviewAssets those of the review page
 */
export async function served(assets = bare, reviewAssets = assets) {
  const root = scratch()
  const images = join(root, 'micrographs')
  for (const name of ['b', 'a']) await png8(put(join(images, `${name}.png`), ''), 64, 48, Array(64 * 48).fill(90))
  const processes = new FakeProcesses()
  const home = new Home({
    start: root,
    model: { model: 'golden/files/toy_vit.pth', modelConfig: 'golden/files/toy_vit.json', size: null },
    runProcess: processes.start,
    openSession: ({ model, adapter, size }) =>
      new PromptSession({
        read: readPixels,
        model: { name: model, adapter, size },
        load: () => Promise.reject(new Error('no model here')),
      }),
    reviewAssets,
  })
  const server = await serveHome({ home, assets })
  const get = async <T>(path: string) => (await ask(server.url + path)).json as T
  const post = (path: string, body: unknown) => ask(server.url + path, { body })
  /** Waits until the newest job has ended in a state. */
  const jobEnds = (state: Job['state']) =>
    eventually(async () => assert.is((await get<HomeState>('api/state')).jobs.at(-1)!.state, state))
  const close = async () => void (await Promise.all([server.close(), home.close()]))
  return { root, images, project: `${images}-wgsam`, processes, home, url: server.url, get, post, jobEnds, close }
}

/** What a job of generate writes. */
export async function propose(project: string): Promise<void> {
  for (const name of ['a', 'b']) await writeImage(project, name, [square(1, 2, 5), square(20, 20, 9)])
  put(join(project, 'report.html'), '<h1>report</h1><script>1</script>')
}
