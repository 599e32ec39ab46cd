/**
 * @file A folder of images and its project, as the home page shows them. The project is beside the images: NAME-wgsam; or the
 * chosen folder itself is one. Nothing is written before the first job.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { makeFolder, writeFileAtomic } from '../host/files'
import { takeLock } from '../host/folder-lock'
import { bestOf } from '../../engine/finetune/selection'
import { HttpError } from '../host/http-error'
import { listInputs } from '../project/input-images'
import { projectFile } from '../project/project'
import { ReviewFolder } from '../project/review/review-folder'
import { readReviewed } from '../project/review/reviewed-image'
import type { ReviewMask } from '../project/review/review-records'
import { readMetrics } from '../tracking/metrics-file'
import { hasCheckpoint, resultFolder, runFolder } from '../training/run-folder'
import { isProject } from './folders'
import { type ModelSettings, runPath } from './plan-job'
import type { HomeAdapter, HomeImage, ProjectState } from './protocol'
import { finiteNumber } from '../text/check-value'

const settingsSchema = v.object({
  version: v.literal(1),
  images: v.string(),
  model: v.string(),
  modelConfig: v.nullable(v.string()),
  size: v.nullable(finiteNumber),
})

/** Reports that the page opens, by the path in the project. */
const REPORTS: [path: string, title: string][] = [
  ['report.html', 'Proposals'],
  ['measured/report.html', 'Particle sizes'],
]

export class HomeProject {
  /** Null before there is anything to review, and if it cannot be opened. */
  review: ReviewFolder | null = null
  private reviewProblem: string | null = null
  private unlock: (() => Promise<void>) | null = null

  private constructor(
    readonly images: string,
    readonly dir: string,
    /** Changed by the page. */
    public model: ModelSettings,
  ) {}

  /**
   * @param folder of images, or a project
   * @param model that a new project uses
   * @throws UserError if it holds neither, or another wgsam has it open
   */
  static async open(folder: string, model: ModelSettings): Promise<HomeProject> {
    const known = isProject(folder)
    const dir = known ? folder : join(dirname(folder), `${basename(folder)}-wgsam`)
    const settings = await readSettings(dir)
    const images = known ? (settings?.images ?? join(folder, 'images')) : folder
    if (!known) await listInputs([images])
    const project = new HomeProject(images, dir, settings?.model ?? model)
    if (existsSync(dir)) {
      await project.lock()
      await project.refresh()
    }
    return project
  }

  /** Makes the project's folder, before the first job. */
  async prepare(): Promise<void> {
    await this.lock()
    await this.saveSettings()
  }

  async saveSettings(): Promise<void> {
    // a project that nothing was done in is not begun by choosing a model
    if (!this.unlock) return
    const text = JSON.stringify({ version: 1, images: this.images, ...this.model }, null, 1) + '\n'
    await makeFolder(join(this.dir, 'start'))
    await writeFileAtomic(join(this.dir, 'start', 'project.json'), text)
  }

  get jobsFile(): string {
    return join(this.dir, 'start', 'jobs.json')
  }

  /** Reads what a job has written. */
  async refresh(): Promise<void> {
    try {
      if (this.review) await this.review.refresh()
      else if (existsSync(join(this.dir, 'images'))) this.review = await ReviewFolder.open(this.dir)
      this.reviewProblem = null
    } catch (error) {
      this.reviewProblem = messageOf(error)
    }
  }

  async close(): Promise<void> {
    await this.review?.close()
    this.review = null
    await this.unlock?.()
    this.unlock = null
  }

  /** The number of accepted images. */
  get accepted(): number {
    return this.review?.summaries.filter(({ state, problem }) => state === 'accepted' && !problem).length ?? 0
  }

  async state(): Promise<Omit<ProjectState, 'minutes' | 'software'>> {
    const reports = REPORTS.filter(([path]) => existsSync(join(this.dir, path)))
    return {
      images: this.images,
      project: this.dir,
      adapters: await this.adapters(),
      reports: reports.map(([path, title]) => ({ path, title })),
      reviewProblem: this.reviewProblem,
    }
  }

  /** The images of the folder, and those that only the project has. */
  async list(): Promise<HomeImage[]> {
    const inputs = await this.inputs()
    const summaries = new Map(this.review?.summaries.map((summary) => [summary.info.name, summary]))
    const names = [...new Set([...inputs.keys(), ...summaries.keys()])]
    return names.map((name): HomeImage => {
      const known = summaries.get(name)
      if (!known) {
        const fresh = existsSync(projectFile.proposals(this.dir, name))
        return {
          name,
          state: fresh ? 'proposed' : 'no proposals',
          masks: null,
          uncertainty: null,
          problem: null,
          version: fresh ? 'new' : '',
        }
      }
      const { state, masks, removed, edited, added, uncertainty, problem, revision } = known
      const untouched = state === 'proposed' && !existsSync(projectFile.proposals(this.dir, name)) && !masks
      return {
        ...{ name, problem, masks },
        state: untouched ? 'no proposals' : state,
        uncertainty: untouched ? null : uncertainty,
        version: [revision, masks, removed, edited, added].join('-'),
      }
    })
  }

  /** The picture of an image and its masks. @throws HttpError 404 if there is no such image */
  async picture(name: string): Promise<{ path: string; masks: () => Promise<readonly ReviewMask[]> }> {
    const own = projectFile.image(this.dir, name)
    if ((this.review?.has(name) || (await this.inputs()).has(name)) && existsSync(own))
      return {
        path: own,
        masks: async () =>
          (await readReviewed(this.dir, { name, path: own, problem: null }).catch(() => null))?.document.masks ?? [],
      }
    const path = (await this.inputs()).get(name)
    if (path === undefined) throw new HttpError(404, `there is no image ${name}`)
    return { path, masks: async () => [] }
  }

  /** The adapter's folder of a run. @throws HttpError 404 if it has none */
  adapterOf = (run: string): string => {
    const folder = resultFolder(runFolder(runPath(this.dir, run)))
    if (!existsSync(join(folder, 'adapter_config.json'))) throw new HttpError(404, `the run ${run} has no adapter`)
    return folder
  }

  /** The adapter of the last run that has one; null if there is none. */
  async newestAdapter(): Promise<string | null> {
    const last = (await this.adapters()).at(-1)
    return last ? this.adapterOf(last.name) : null
  }

  resumable = (run: string): boolean => hasCheckpoint(runFolder(runPath(this.dir, run)))

  /** 1, 2, 3 … */
  async nextRun(): Promise<string> {
    const numbers = (await this.runs()).map(Number).filter(Number.isInteger)
    return String(Math.max(0, ...numbers) + 1)
  }

  private async runs(): Promise<string[]> {
    const names = await readdir(join(this.dir, 'runs')).catch(() => [])
    return names.filter((name) => /^[\w-]{1,64}$/.test(name)).sort(new Intl.Collator('en', { numeric: true }).compare)
  }

  private async adapters(): Promise<HomeAdapter[]> {
    const found: HomeAdapter[] = []
    for (const name of await this.runs()) {
      const run = runFolder(runPath(this.dir, name))
      if (!existsSync(join(resultFolder(run), 'adapter_config.json'))) continue
      const validations = (await readMetrics(run.metrics).catch(() => [])).flatMap((one) =>
        one.kind === 'validation' ? [one] : [],
      )
      const images = await trainingImages(run.split)
      found.push({
        name,
        base: validations.find(({ step }) => step === 0)?.score ?? null,
        best: bestOf(validations.filter(({ step }) => step > 0))?.score ?? null,
        images,
      })
    }
    return found
  }

  /** Names and files of the folder's images; empty if there are none any more. */
  private async inputs(): Promise<Map<string, string>> {
    const inputs = await listInputs([this.images]).catch(() => [])
    return new Map(inputs.map(({ name, path }) => [name, path]))
  }

  private async lock(): Promise<void> {
    this.unlock ??= await takeLock(join(this.dir, 'start', 'lock'), 'wgsam start')
  }
}

async function trainingImages(split: string): Promise<number | null> {
  try {
    return v.parse(v.object({ train: v.array(v.string()) }), JSON.parse(await readFile(split, 'utf8'))).train.length
  } catch {
    return null
  }
}

async function readSettings(dir: string): Promise<{ images: string; model: ModelSettings } | null> {
  const path = join(dir, 'start', 'project.json')
  if (!existsSync(path)) return null
  try {
    const { images, model, modelConfig, size } = v.parse(settingsSchema, JSON.parse(await readFile(path, 'utf8')))
    return { images, model: { model, modelConfig, size } }
  } catch (error) {
    throw new UserError(`cannot use ${path}: ${messageOf(error)}; delete it to choose the images again`)
  }
}
