/**
 * @file The jobs of a project, one at a time, because there is one GPU. They are kept in PROJECT/start/jobs.json: a server that
 * was killed knows at its next start which were unfinished, and can continue them.
 */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import * as v from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { makeFolder, writeFileAtomic } from '../host/files'
import { HttpError } from '../host/http-error'
import { type Job, type JobPlan, jobStates, type NewJob } from './protocol'
import { newJobSchema } from './request-schemas'
import type { ProcessEvents, RunningProcess } from './job-process'
import { finiteNumber } from '../text/check-value'

/** What is to be done: the commands, for people and as arguments. */
export interface JobSteps extends JobPlan {
  request: NewJob
  args: string[][]
  run: string | null
}

interface KnownJob extends Job {
  request: NewJob
  /** Missing in a job of an earlier server: what a file in the project says is not run, but planned again. */
  args?: string[][]
}

export type Starter = (args: readonly string[], events: ProcessEvents) => RunningProcess

/** Jobs that are kept, finished ones included. */
const KEPT = 40
/** Lines of output that are kept of each. */
const LINES = 30

const text = v.string()
const storedSchema = v.object({
  version: v.literal(1),
  jobs: v.array(
    v.object({
      id: v.pipe(v.number(), v.integer(), v.minValue(1)),
      request: newJobSchema,
      title: text,
      commands: v.array(text),
      state: v.picklist(jobStates),
      step: finiteNumber,
      progress: v.null(),
      began: v.nullable(text),
      ended: v.nullable(text),
      output: v.array(text),
      problem: v.nullable(text),
      run: v.nullable(v.pipe(text, v.regex(/^[\w-]{1,64}$/))),
      resumable: v.boolean(),
    }),
  ),
})

const isOpen = ({ state }: Job) => state === 'waiting' || state === 'running' || state === 'stopping'

export class JobQueue {
  private jobs: KnownJob[] = []
  private running: { job: KnownJob; process: RunningProcess } | null = null
  private saving: Promise<void> = Promise.resolve()
  private closed = false
  private idle: Promise<void> = Promise.resolve()

  private constructor(
    private readonly path: string,
    private readonly start: Starter,
    /** Called after the commands of each job, whatever their end; the job ends when it has. */
    private readonly afterJob: () => Promise<void>,
  ) {}

  /** Reads the jobs of earlier servers; those that were open then were interrupted. */
  static async open(path: string, start: Starter, afterJob: () => Promise<void> = async () => {}): Promise<JobQueue> {
    const queue = new JobQueue(path, start, afterJob)
    queue.jobs = await readStored(path)
    for (const job of queue.jobs)
      if (isOpen(job)) Object.assign(job, { state: 'interrupted', resumable: true, problem: null })
    return queue
  }

  /** The oldest first. */
  get list(): Job[] {
    return this.jobs.map(({ args: _, request: __, ...job }) => job)
  }

  get busy(): boolean {
    return this.jobs.some(isOpen)
  }

  /** Adds a job behind the others. */
  async add({ request, title, commands, args, run }: JobSteps): Promise<Job> {
    const id = Math.max(0, ...this.jobs.map((job) => job.id)) + 1
    const job: KnownJob = {
      ...{ id, kind: request.kind, request, title, commands, args, run },
      ...{
        state: 'waiting',
        step: 0,
        progress: null,
        began: null,
        ended: null,
        output: [],
        problem: null,
        resumable: false,
      },
    }
    this.jobs = [...this.jobs, job].slice(-KEPT)
    await this.save()
    this.next()
    return job
  }

  /**
   * What a job that can be continued was asked for.
   * @param take it is then no longer offered @throws HttpError 409 if it cannot be continued
   */
  continuation(id: number, take: boolean): { request: NewJob; run: string | null } {
    const job = this.jobs.find((one) => one.id === id)
    if (!job?.resumable) throw new HttpError(409, 'this job cannot be continued')
    if (take) job.resumable = false
    return { request: job.request, run: job.run }
  }

  /** Saves and ends a job, or drops one that waits; a second time ends it at once. @throws HttpError 409 if it has ended */
  async stop(id: number): Promise<void> {
    const job = this.jobs.find((one) => one.id === id)
    if (!job || !isOpen(job)) throw new HttpError(409, 'this job has ended')
    if (this.running?.job === job) {
      job.state = 'stopping'
      this.running.process.stop()
    } else Object.assign(job, { state: 'stopped', ended: now(), resumable: true })
    await this.save()
  }

  /** Ends the running job as Ctrl-C does, waits for it, and leaves it and those that wait to the next server. */
  async close(): Promise<void> {
    this.closed = true
    this.running?.process.stop()
    await this.idle
    await this.saving
  }

  /** Ends the running job at once. */
  kill(): void {
    this.running?.process.stop()
  }

  private next(): void {
    if (this.running || this.closed) return
    const job = this.jobs.find(({ state }) => state === 'waiting')
    if (job) this.idle = this.run(job).finally(() => this.next())
  }

  private async run(job: KnownJob): Promise<void> {
    Object.assign(job, { state: 'running', began: now() })
    const args = job.args ?? []
    let code = 0
    let done = 0
    try {
      for (; done < args.length && code === 0 && !this.closed && job.state === 'running'; done += code ? 0 : 1) {
        Object.assign(job, { step: done, progress: null })
        const process = this.start(args[done], {
          onProgress: ({ wgsam: _, ...progress }) => (job.progress = progress),
          onLine: (line) => (job.output = [...job.output, line.slice(0, 2000)].slice(-LINES)),
        })
        this.running = { job, process }
        await this.save()
        code = await process.ended
      }
    } catch (error) {
      code = 1
      job.output.push(messageOf(error))
    }
    const whole = done === args.length
    const stopped = job.state === 'stopping' || code === 130
    // one that was ended because the server ends is left to the next server
    const over = whole || !this.closed
    let problem = whole || stopped ? null : problemOf(job.output)
    // before it is shown as ended: who sees that a job is done sees its masks too
    await this.afterJob().catch((error: unknown) => (problem ??= messageOf(error)))
    this.running = null
    if (over) {
      const state = whole ? 'done' : stopped ? 'stopped' : 'failed'
      Object.assign(job, { state, ended: now(), resumable: !whole, problem })
    }
    await this.save()
  }

  /** Written in turn; a project that cannot be written does not stop a job. */
  private save(): Promise<void> {
    this.saving = this.saving
      .then(async () => {
        await makeFolder(dirname(this.path))
        await writeFileAtomic(this.path, JSON.stringify({ version: 1, jobs: this.jobs.map(stored) }, null, 1) + '\n')
      })
      .catch(() => {})
    return this.saving
  }
}

const stored = ({ args: _, kind: __, ...job }: KnownJob) => ({ ...job, progress: null })

/** The message of a command that failed: it begins with the program's name; else its last lines. */
function problemOf(output: readonly string[]): string {
  const at = output.findLastIndex((line) => line.startsWith('wgsam: '))
  return at >= 0
    ? output.slice(at).join('\n').slice('wgsam: '.length)
    : output.slice(-3).join('\n') || 'it ended without a message'
}

async function readStored(path: string): Promise<KnownJob[]> {
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new UserError(`cannot read ${path}: ${messageOf(error)}`)
  }
  try {
    const { jobs } = v.parse(storedSchema, JSON.parse(content))
    return jobs.map((job) => ({ ...job, kind: job.request.kind }))
  } catch {
    // a record of what was done; nothing depends on it
    return []
  }
}

const now = () => new Date().toISOString()
