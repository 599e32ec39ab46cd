/** @file Serves the playground as any web server would, below a path, and drives it in Chromium as a person does. */
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContext, Download, Page } from 'playwright-core'
import sharp from 'sharp'
import { buildPage } from '../../scripts/build-page.mjs'
import { renderScene } from '../../engine/synth/scene'
import { boxToRegion, regionToXYWH } from '../../engine/image/box'
import { instances } from '../../engine/masks/instances'
import { maskOfLabel } from '../../engine/masks/mask-of-label'
import { encodeMask } from '../../engine/masks/rle'
import { openCheckpoint } from '../../src/weights/checkpoint'
import { toFloat32 } from '../../src/weights/dtypes'
import { type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors-writer'
import { openBrowser } from './browser'
import { scratch } from './files'

// test files run at the same time: each process builds the page for itself
const folder = scratch()
let built: Promise<void> | undefined
/** The page lies below a path, as on a server of many projects. */
const BELOW = '/projects/particles/'
const SMALL = { width: 128, height: 96, particles: 8 }
/** SwiftShader compiles each kernel when it is first used. */
const LIMIT_MS = 120_000

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

export interface StaticServer {
  url: string
  /** Paths that were asked for. */
  requests: string[]
  close(): void
}

/** The address of the built page as a file of the machine. */
export async function playgroundFile(): Promise<string> {
  await (built ??= buildPage(folder, 'playground'))
  return pathToFileURL(join(folder, 'index.html')).href
}

export interface ServeOptions {
  /** Script that runs in the worker before its own: a stub of a device. */
  before?: string
  /** The text of a worker that takes the place of the page's own. */
  worker?: string
}

/** @param options may be changed while it serves */
export async function servePlayground(options: ServeOptions = {}): Promise<StaticServer> {
  await (built ??= buildPage(folder, 'playground'))
  const requests: string[] = []
  const server = createServer((request, response) => {
    const url = request.url!
    requests.push(url)
    const name = url.startsWith(BELOW) ? url.slice(BELOW.length) || 'index.html' : ''
    const changed = async (content: Buffer) =>
      name === 'worker.js' ? (options.worker ?? `${options.before ?? ''}\n${content}`) : content
    const read = readFile(join(folder, name)).then(changed)
    read.then(
      (content) => response.writeHead(200, { 'content-type': types[extname(name)] ?? 'text/plain' }).end(content),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}${BELOW}`, requests, close: () => server.close() }
}

export const openGpuBrowser = async (): Promise<Browser> =>
  (await openBrowser(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']))!

/** A file for an input of the page. */
export interface GivenFile {
  name: string
  mimeType: string
  buffer: Buffer
}

/** The toy model as safetensors, with its JSON file. @param at makes a path of a file name */
async function toyFiles(at: (name: string) => string): Promise<string[]> {
  const checkpoint = await openCheckpoint('golden/files/toy_tiny_vit.pth')
  const tensors: TensorToWrite[] = []
  for (const [name, { shape, read }] of checkpoint.tensors) tensors.push({ name, shape, data: toFloat32(await read()) })
  await checkpoint.close()
  const path = at('toy_tiny_vit.safetensors')
  await writeSafetensors(path, tensors)
  return [path, 'golden/files/toy_tiny_vit.json']
}

/** A synthetic micrograph as PNG. */
export const scenePng = async (name: string): Promise<GivenFile> => (await scenePngWithMasks(name, SMALL)).file

/** A synthetic micrograph as PNG, with the masks of its particles as the model's proposals are. */
export async function scenePngWithMasks(name: string, size: { width: number; height: number; particles: number }) {
  const { particles, ...sides } = size
  const scene = renderScene(3, { ...sides, particles: [particles, 2 * particles], difficulty: 0.2 })
  const { width, height, image, labels } = scene
  const buffer = await sharp(image, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer()
  const map = { width, height, data: labels }
  const proposals = instances(map).map((instance, i) => ({
    segmentation: encodeMask(maskOfLabel(map, instance), map),
    area: instance.area,
    bbox: regionToXYWH(boxToRegion(instance)),
    predicted_iou: 0.97 - (i % 10) / 100,
    stability_score: 0.96,
    point_coords: [instance.point],
    crop_box: [0, 0, width, height],
  }))
  return { file: { name, mimeType: 'image/png', buffer } satisfies GivenFile, proposals }
}

/** A tab with the playground; errors in its console, and requests to other places, are collected. */
export class PlaygroundTab {
  readonly faults: string[] = []

  private constructor(
    readonly page: Page,
    url: string,
  ) {
    page.setDefaultTimeout(LIMIT_MS)
    page.on('pageerror', (error) => this.faults.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && this.faults.push(message.text()))
    page.on('request', (request) => {
      if (!request.url().startsWith(new URL('.', url).href) && !/^(blob|data):/.test(request.url()))
        this.faults.push(`a request to ${request.url()}`)
    })
  }

  static async open(context: BrowserContext, url: string): Promise<PlaygroundTab> {
    const tab = new PlaygroundTab(await context.newPage(), url)
    await tab.page.goto(url)
    return tab
  }

  button(name: string | RegExp) {
    return this.page.getByRole('button', { name })
  }

  /** A button of the sheet that is open. */
  inSheet(name: string) {
    return this.page.locator('.sheet[open]').getByRole('button', { name, exact: true })
  }

  /** Opens one of the sheets. */
  async step(name: 'Images' | 'Model' | 'Propose' | 'Train' | 'Download'): Promise<void> {
    await this.page.locator('.step', { hasText: name }).click()
    await this.page.locator('.sheet[open]').waitFor()
  }

  async choose(button: string, files: string[] | GivenFile[]): Promise<void> {
    const [chooser] = await Promise.all([this.page.waitForEvent('filechooser'), this.button(button).click()])
    await chooser.setFiles(files as string[])
  }

  /** Gives the page an image and the toy model. @param at as for toyFiles */
  async begin(at: (name: string) => string): Promise<void> {
    await this.choose('Choose files', [await scenePng('silica 1.PNG')])
    await this.page.locator('.bottom', { hasText: '0 masks' }).waitFor()
    await this.step('Model')
    await this.choose('Choose a model file', await toyFiles(at))
    await this.page.locator('.step-done', { hasText: 'toy_tiny_vit' }).waitFor()
    await this.idle()
  }

  /** Keeps a screenshot if WGSAM_PICTURES names a folder. */
  async picture(name: string): Promise<void> {
    const folder = process.env.WGSAM_PICTURES
    if (folder) await this.page.screenshot({ path: join(folder, `playground-${name}.png`) })
  }

  /** Waits until no long work runs, and none has failed. */
  async idle(): Promise<void> {
    await this.page.locator('.job').waitFor({ state: 'detached' })
    const failed = await this.page.locator('.sheet[open]').allInnerTexts()
    if (failed.length) throw new Error(failed.join('\n'))
  }

  /** The content of a download that a button begins. */
  async download(button: string): Promise<{ name: string; content: Buffer }> {
    const [download]: [Download, void] = await Promise.all([
      this.page.waitForEvent('download'),
      this.page.getByRole('button', { name: button, exact: true }).click(),
    ])
    return { name: download.suggestedFilename(), content: await readFile(await download.path()) }
  }
}
