/** @file The home page's server: access, folders, images, the commands of jobs, and the review and reports below it. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import sharp from 'sharp'
import { runsOnProcessor } from '../../../src/host/runs-on-processor'
import { projectFile } from '../../../src/project/project'
import type { FolderList, HomeImage, HomeState, JobPlan } from '../../../src/start/protocol'
import { eventually } from '../../support/eventually'
import { put } from '../../support/files'
import { propose, served } from '../../support/home-server'
import { ask, square, writeImage } from '../../support/review'

test('only requests of the own page are answered, and files only by name', async () => {
  const { url, images, post, close } = await served()
  assert.is((await ask(url)).status, 200)
  assert.is((await ask(url.replace(/[0-9a-f]{32}/, '0'.repeat(32)))).status, 404)
  assert.is((await ask(`${url}api/state`, { headers: { Host: 'example.org' } })).status, 403)
  assert.is(
    (await ask(`${url}api/jobs`, { body: { kind: 'fetch' }, headers: { Origin: 'http://example.org' } })).status,
    403,
  )
  await post('api/folder', { path: images })
  for (const path of [
    'reports/../a.png',
    'reports/start/jobs.json',
    'reports/measured/..%2f..%2fa.csv',
    'runs/..%2f..',
    'api/x',
  ])
    assert.ok([400, 404].includes((await ask(url + path)).status), path)
  for (const body of [
    { kind: 'train', minutes: -1 },
    { kind: 'propose', adapter: '../x', method: 'quick' },
    { kind: 'rm' },
    { kind: 'fetch', more: 1 },
  ])
    assert.is((await post('api/jobs', body)).status, 400, JSON.stringify(body))
  await close()
})

test('folders are listed below the start and the home folder only; a path can be typed', async () => {
  const { root, images, get, post, url, close } = await served()
  mkdirSync(join(root, '.hidden'))
  symlinkSync(tmpdir(), join(root, 'out'))
  const list = await get<FolderList>('api/folders')
  assert.equal(
    list.folders.map(({ name }) => name),
    ['micrographs'],
  )
  assert.is(list.parent, null)
  assert.is((await get<FolderList>(`api/folders?path=${encodeURIComponent(images)}`)).images, 2)
  for (const path of ['/etc', join(root, '..'), join(root, 'out')])
    assert.is((await ask(`${url}api/folders?path=${encodeURIComponent(path)}`)).status, 403, path)
  const empty = await post('api/folder', { path: root })
  assert.is(empty.status, 422)
  assert.match((empty.json as { error: string }).error, 'no images in')
  assert.match(
    ((await post('api/folder', { path: join(root, 'nothing') })).json as { error: string }).error,
    'no such file or folder',
  )
  assert.is((await post('api/folder', { path: images })).status, 200)
  await close()
})

test('nothing is written before the first job; then the images have masks, a review and reports', async () => {
  const { images, project, processes, url, get, post, jobEnds, close } = await served()
  const state = (await post('api/folder', { path: images })).json as HomeState
  assert.is(state.project!.project, project)
  assert.equal(
    (await get<HomeImage[]>('api/images')).map(({ name, state }) => [name, state]),
    [
      ['a', 'no proposals'],
      ['b', 'no proposals'],
    ],
  )
  const plan = (await post('api/plan', { kind: 'propose', adapter: null, method: 'thorough' })).json as JobPlan
  assert.match(
    plan.commands[0],
    /^wgsam generate .*micrographs.* --points-per-side 32 --report --out .*micrographs-wgsam/,
  )
  const watershed = (await post('api/plan', { kind: 'propose', adapter: null, method: 'watershed' })).json as JobPlan
  assert.match(watershed.commands[0], '--method watershed')
  assert.not.match(watershed.commands[0], '--model', 'it needs none')
  assert.throws(() => symlinkSync('x', join(project, 'x')), 'ENOENT')
  assert.is((await ask(`${url}review/`)).status, 404)

  await post('api/jobs', { kind: 'propose', adapter: null, method: 'quick' })
  assert.equal(processes.last.args.slice(0, 2), ['generate', images])
  assert.is((await post('api/folder', { path: project })).status, 409, 'not while a job runs')
  await propose(project)
  assert.equal(
    (await get<HomeImage[]>('api/images')).map(({ masks }) => masks),
    [2, 2],
    'while the job still runs',
  )
  processes.last.end(0)
  await jobEnds('done')
  const after = await get<HomeState>('api/state')
  assert.equal(after.project!.reports, [{ path: 'report.html', title: 'Proposals' }])
  const report = await ask(`${url}reports/report.html`)
  assert.is(report.status, 200)
  assert.match(report.headers['content-security-policy'] as string, /^sandbox allow-scripts/)
  assert.not.match(report.headers['content-security-policy'] as string, 'same-origin')
  assert.is((await ask(`${url}review/`)).status, 200)
  assert.ok((await get<{ home: boolean }>('review/api/session')).home)
  // the folder's settings are read again
  await post('api/folder', { path: project })
  const later = (await post('api/plan', { kind: 'propose', adapter: null, method: 'thorough' })).json as JobPlan
  assert.equal(later.commands, plan.commands)
  await close()
})

test('proposals that are made again reach the review, but no edited image and no edit of the earlier ones', async () => {
  const { images, project, processes, get, post, jobEnds, close } = await served()
  await propose(project)
  await post('api/folder', { path: images })
  const act = (name: string, base: number, revision: string) => {
    const action = { type: 'edit', edit: { kind: 'remove', remove: [1], add: [] } }
    return post(`review/api/images/${name}/actions`, { window: 'w', base, revision, action })
  }
  const history = await get<{ revision: string }>('review/api/images/a/document')
  assert.is((await act('a', 0, history.revision)).status, 200)
  const early = await get<{ revision: string }>('review/api/images/b/document')

  await post('api/jobs', { kind: 'propose', adapter: null, method: 'quick' })
  for (const name of ['a', 'b']) await writeImage(project, name, [square(3, 3, 7)])
  processes.last.end(0)
  await jobEnds('done')
  const list = await get<HomeImage[]>('api/images')
  assert.equal(
    list.map(({ name, state, masks }) => [name, state, masks]),
    [
      ['a', 'in review', 1],
      ['b', 'proposed', 1],
    ],
  )
  assert.is((await act('b', 0, early.revision)).status, 409)
  const late = await get<{ revision: string }>('review/api/images/b/document')
  assert.is.not(late.revision, early.revision)
  assert.is((await act('b', 0, late.revision)).status, 200)
  await close()
})

test('a training exports first, is continued where it has a checkpoint, and its adapter proposes next', async () => {
  const { images, project, processes, get, post, jobEnds, close } = await served()
  await propose(project)
  await post('api/folder', { path: images })
  const plan = (await post('api/plan', { kind: 'train', minutes: 5 })).json as JobPlan
  assert.match(
    plan.commands.join('\n'),
    /^wgsam review .*--export\nwgsam train --data .*dataset.* --minutes 5 --out .*runs\/1/,
  )
  // nothing has used a GPU yet, as after proposals of a watershed alone: the machine is asked
  const software = await runsOnProcessor()
  assert.is(plan.commands[1].includes('--rank 32'), software === true)
  const { project: state } = await get<HomeState>('api/state')
  assert.equal([state!.minutes, state!.software], [software ? 15 : 30, software === true])
  await post('api/jobs', { kind: 'train', minutes: 5 })
  processes.last.end(0)
  await eventually(() => assert.is(processes.last.args[0], 'train'))
  processes.last.end(130)
  await jobEnds('stopped')
  const again = (await post('api/plan', { kind: 'continue', id: 1 })).json as JobPlan
  assert.match(again.commands.join('\n'), '--export', 'there is no checkpoint: it begins again')
  assert.match(again.commands.join('\n'), 'runs/1')
  put(join(project, 'runs', '1', 'last', 'checkpoint.safetensors'), '')
  put(join(project, 'runs', '1', 'last', 'adapter_config.json'), '{}')
  const resumed = (await post('api/plan', { kind: 'continue', id: 1 })).json as JobPlan
  assert.match(resumed.commands[0], /^wgsam train --resume .*runs\/1/)
  assert.is((await get<HomeState>('api/state')).project!.adapters[0].name, '1')
  const propose2 = (await post('api/plan', { kind: 'propose', adapter: '1', method: 'quick' })).json as JobPlan
  assert.match(propose2.commands[0], /--adapter .*runs\/1\/last/)
  assert.is((await post('api/plan', { kind: 'propose', adapter: '7', method: 'quick' })).status, 404)
  const next = (await post('api/plan', { kind: 'train', minutes: 5, from: '1' })).json as JobPlan
  assert.is(next.title, 'Train adapter 2 from 1')
  assert.match(next.commands[1], /--from .*runs\/1\/last.* --out .*runs\/2/)
  assert.not.match(next.commands[1], /--(model|rank|size)\b/, 'the adapter decides these')
  assert.is((await post('api/plan', { kind: 'train', minutes: 5, from: '7' })).status, 404)
  assert.match(((await post('api/plan', { kind: 'train', minutes: 5 })).json as JobPlan).commands[1], 'runs/2')
  await close()
})

test('thumbnails are small, and show the masks', async () => {
  const { images, project, url, post, close } = await served()
  await post('api/folder', { path: images })
  const bare = await ask(`${url}api/thumbnail?name=a&v=1`)
  assert.is(bare.headers['content-type'], 'image/webp')
  await close()
  await propose(project)
  writeFileSync(projectFile.image(project, 'damaged'), 'x')
  const again = await served()
  await again.post('api/folder', { path: project })
  const thumbnail = Buffer.from(await (await fetch(`${again.url}api/thumbnail?name=a&v=2`)).arrayBuffer())
  const { width, height, channels } = await sharp(thumbnail).metadata()
  assert.equal([width, height, channels], [64, 48, 3])
  assert.is((await fetch(`${again.url}api/thumbnail?name=damaged`)).status, 422)
  assert.is((await fetch(`${again.url}api/thumbnail?name=nobody`)).status, 404)
  await again.close()
})

test.run()
