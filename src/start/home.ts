/** @file The state behind the home page: the chosen folder, its jobs and its review; one folder at a time. */
import { existsSync } from 'node:fs'
import { version } from '../../package.json'
import { HttpError } from '../host/http-error'
import type { Asset } from '../review/page-files'
import type { PromptSession } from '../review/prompt-session'
import { Routes } from '../review/routes'
import { processorMinutes } from '../cli/next-command'
import { runsOnProcessor } from '../host/runs-on-processor'
import { projectModel } from '../project/project-model'
import { listFolders, typedFolder } from './folders'
import { HomeProject } from './home-project'
import { type JobSteps, JobQueue, type Starter } from './jobs'
import { modelState } from './model-choice'
import { type ModelSettings, planJob, type PlanContext } from './plan-job'
import type { FolderList, HomeImage, HomeState, Job, JobPlan, JobRequest } from './protocol'
import { Thumbnails } from './thumbnails'

/** The longest time that is proposed for training with a GPU, in minutes. */
const GPU_MINUTES = 30

/** What the review's prompts are answered with. */
export interface ReviewModel extends ModelSettings {
  adapter: string | null
}

export interface HomeOptions {
  /** Folder in which browsing begins, and that relative paths refer to. */
  start: string
  model: ModelSettings
  runProcess: Starter
  /** A session for the review's prompts; it loads the model when it is first needed. */
  openSession(model: ReviewModel, folder: NonNullable<HomeProject['review']>): PromptSession
  /** The files of the review page. */
  reviewAssets: ReadonlyMap<string, Asset>
}

export class Home {
  private project: HomeProject | null = null
  private jobs: JobQueue | null = null
  private session: PromptSession | null = null
  /** What the session was opened with. */
  private sessionModel = ''
  private routes: Routes | null = null
  private readonly thumbnails = new Thumbnails()
  private following: Promise<void> | null = null
  private changing: Promise<unknown> = Promise.resolve()

  constructor(private readonly options: HomeOptions) {}

  async state(): Promise<HomeState> {
    const software = this.project !== null && (await this.software(this.project.dir)) === true
    const model = this.project?.model ?? this.options.model
    return {
      version,
      project: this.project && {
        ...(await this.project.state()),
        minutes: software ? processorMinutes(this.project.accepted) : GPU_MINUTES,
        software,
      },
      model: await modelState(model.model),
      jobs: this.jobs?.list ?? [],
    }
  }

  folders(path: string | null): Promise<FolderList> {
    return listFolders(path ?? this.options.start, this.options.start)
  }

  /** Opens a folder of images or a project. @throws UserError if it is neither, HttpError 409 while a job runs */
  open(typed: string): Promise<void> {
    return this.change(async () => {
      if (this.jobs?.busy) throw new HttpError(409, 'a job runs in the open folder: wait for it, or stop it')
      const path = await typedFolder(typed)
      await this.leave()
      const project = await HomeProject.open(path, this.options.model)
      this.project = project
      this.jobs = await JobQueue.open(project.jobsFile, this.options.runProcess, () => this.afterJob(project))
      await this.openReview()
    })
  }

  chooseModel(name: string): Promise<void> {
    return this.change(async () => {
      const project = this.opened()
      if (!(await modelState(name)).choices.some((choice) => choice.name === name) && !existsSync(name))
        throw new HttpError(400, `no model is called ${name}`)
      project.model =
        name === this.options.model.model ? this.options.model : { model: name, modelConfig: null, size: null }
      await project.saveSettings()
      await this.closeSession()
      await this.openReview()
    })
  }

  async images(): Promise<HomeImage[]> {
    const project = this.opened()
    if (this.jobs?.busy) await this.follow(project)
    return project.list()
  }

  async thumbnail(name: string, shown: string): Promise<Buffer> {
    const { path, masks } = await this.opened().picture(name)
    return this.thumbnails.get(path, shown, masks)
  }

  async plan(request: JobRequest): Promise<JobPlan> {
    const { title, commands } = await this.steps(request, false)
    return { title, commands }
  }

  add(request: JobRequest): Promise<Job> {
    return this.change(async () => {
      const project = this.opened()
      await project.prepare()
      const steps = await this.steps(request, true)
      // the weights of an idle session would take memory from the job
      await this.closeSession()
      await this.openReview()
      return this.jobs!.add(steps)
    })
  }

  async stop(id: number): Promise<void> {
    this.opened()
    await this.jobs!.stop(id)
  }

  /** The folder of the project. @throws HttpError 409 if no folder is open */
  get dir(): string {
    return this.opened().dir
  }

  /** The review's requests. @throws HttpError 404 if there is nothing to review */
  get review(): Routes {
    if (this.routes) return this.routes
    throw new HttpError(404, 'there is nothing to review yet: propose masks first')
  }

  /** Saves and ends the running job, and closes the folder. */
  close(): Promise<void> {
    return this.change(() => this.leave())
  }

  /** Ends the running job at once. */
  kill(): void {
    this.jobs?.kill()
  }

  private opened(): HomeProject {
    if (!this.project) throw new HttpError(409, 'choose a folder first')
    return this.project
  }

  private async leave(): Promise<void> {
    await this.jobs?.close()
    this.routes = null
    await this.closeSession()
    await this.project?.close()
    this.project = this.jobs = null
  }

  private async afterJob(project: HomeProject): Promise<void> {
    await project.refresh()
    if (this.project === project) await this.openReview()
  }

  /** What the running job has written can be reviewed before its end. */
  private async follow(project: HomeProject): Promise<void> {
    this.following ??= project.refresh().finally(() => (this.following = null))
    await this.following
    if (this.project === project && !this.routes) await this.openReview()
  }

  /** The review of the project as it is now, with the newest adapter. */
  private async openReview(): Promise<void> {
    const { project, options } = this
    if (!project?.review) return void (this.routes = null)
    const model: ReviewModel = { ...project.model, adapter: await project.newestAdapter() }
    const key = JSON.stringify(model)
    if (key !== this.sessionModel) await this.closeSession()
    const { review } = project
    if (this.project !== project || !review) return
    this.sessionModel = key
    this.session ??= options.openSession(model, review)
    this.routes = new Routes({ folder: review, session: this.session, assets: options.reviewAssets, home: true })
  }

  private async closeSession(): Promise<void> {
    const before = this.session
    this.session = null
    await before?.close()
  }

  private async steps(request: JobRequest, take: boolean): Promise<JobSteps> {
    const context = await this.context()
    if (request.kind !== 'continue') return planJob(request, context)
    const job = this.jobs!.continuation(request.id, take)
    return planJob(job.request, context, job.run)
  }

  private async context(): Promise<PlanContext> {
    const project = this.opened()
    const { images, dir, model, adapterOf, resumable } = project
    const software = await this.software(dir)
    return { images, project: dir, model, software, adapterOf, resumable, nextRun: await project.nextRun() }
  }

  /** Whether training runs on the processor: as the review's or the project's model did, or else as this machine does. */
  private async software(dir: string): Promise<boolean | undefined> {
    const known = this.session?.software ?? (await projectModel(dir).catch(() => null))?.software
    return known ?? runsOnProcessor()
  }

  /** One change of folder, model or jobs at a time. */
  private change<T>(work: () => Promise<T>): Promise<T> {
    const result = this.changing.then(work, work)
    this.changing = result.catch(() => {})
    return result
  }
}
