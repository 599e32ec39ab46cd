/** @file The folder of an offline W&B run, `wandb/offline-run-<time>-<id>`: the log, and files/ beside it. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createHash } from 'node:crypto'
import { writeFileAtomic } from '../../host/files'
import type { ImageEvent } from '../sink'

export class WandbFolder {
  private constructor(
    readonly path: string,
    private readonly id: string,
  ) {}

  /** Finds the newest folder of a run under `root`; null if there is none. */
  static async find(root: string, id: string): Promise<WandbFolder | null> {
    const names = await readdir(join(root, 'wandb')).catch(() => [])
    const mine = names.filter((name) => /^offline-run-\d{8}_\d{6}-/.test(name) && name.endsWith(`-${id}`)).sort()
    return mine.length ? new WandbFolder(join(root, 'wandb', mine.at(-1)!), id) : null
  }

  /** Creates a folder, named by the local time as wandb does. */
  static async create(root: string, id: string): Promise<WandbFolder> {
    const folder = new WandbFolder(join(root, 'wandb', `offline-run-${stamp(new Date())}-${id}`), id)
    await mkdir(join(folder.path, 'files'), { recursive: true })
    return folder
  }

  get log(): string {
    return join(this.path, `run-${this.id}.wandb`)
  }

  file(name: string): string {
    return join(this.path, 'files', name)
  }

  /** Removes wandb's mark that the run has been sent, so that `wandb sync` sends it again. */
  async unmarkSynced(): Promise<void> {
    await rm(`${this.log}.synced`, { force: true })
  }

  /** Writes the configuration in the format of wandb's config.yaml. */
  async writeConfig(config: Record<string, unknown>): Promise<void> {
    const lines = Object.entries(config).map(([key, value]) => `${JSON.stringify(key)}:\n    value: ${flow(value)}\n`)
    await writeFileAtomic(this.file('config.yaml'), lines.join(''))
  }

  writeJson(name: string, value: unknown): Promise<void> {
    return writeFileAtomic(this.file(name), JSON.stringify(value, null, 2) + '\n')
  }

  /** Writes a picture. Returns the value that refers to it in a history row, and its path under files/. */
  async addImage({ name, step, png, width, height, caption }: ImageEvent) {
    const sha256 = createHash('sha256').update(png).digest('hex')
    const path = `media/images/${name}_${step}_${sha256.slice(0, 20)}.png`
    await mkdir(dirname(this.file(path)), { recursive: true })
    await writeFile(this.file(path), png)
    const value = { _type: 'image-file', sha256, size: png.length, path, format: 'png', width, height, caption }
    return { value, path }
  }
}

/** `20261123_001500` of the local clock. */
function stamp(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`
}

/** A value in YAML's flow style: JSON, except for numbers such as 1e-7, which many YAML readers parse as strings. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (value && typeof value === 'object') {
    const entries = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${flow(inner)}`)
    return `{${entries.join(', ')}}`
  }
  if (typeof value === 'number') return String(value).replace(/^(-?\d+)e/, '$1.0e')
  return JSON.stringify(value) ?? 'null'
}
