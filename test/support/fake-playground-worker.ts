/**
 * @file A worker for the playground's page that answers as a test says, without a GPU: for what the page does about failures, and for its
 * looks. It reads PNG files, "opens" any model, and trains in a moment.
 */

/** What a test may change: fields of `self.told` in the worker's scope. */
export interface Told {
  gpu?: { name: string; software: boolean }
  /** The masks that the model proposes, as records of a project. */
  proposals?: unknown[]
  /**
   * Tiles in which every image is seen. The first search then takes as long as it is not ended, and finds half of the proposals; those
   * after it are complete at once.
   */
  tiles?: number
  /** Bytes that a training needs. */
  needs?: number
  /** The step after which a training fails, and how. */
  fails?: { step: number; kind: string; message: string }
  /** An error that opening the model gives. */
  opening?: { kind: string; message: string }
}

/** What is used of a worker's scope, which Node's types do not have. */
interface WorkerScope {
  told: Told
  /** The checkpoint with which the last training began. */
  resumed: unknown
  createImageBitmap(file: unknown): Promise<{ width: number; height: number }>
  postMessage(message: unknown): void
  onmessage(event: { data: { id: number; call?: string; request?: unknown; finish?: true } }): void
}

function worker(told: Told) {
  const scope = globalThis as unknown as WorkerScope
  scope.told = told
  const STEPS = 100
  type Report = (progress: object) => void
  const failure = ({ message, kind }: { message: string; kind: string }) => Object.assign(new Error(message), { kind })
  let [searched, finished] = [false, false]
  let ended: { use: boolean } | null = null
  const answers: Record<string, (request: any, report: Report) => unknown> = {
    gpu: () => scope.told.gpu ?? { name: 'A card of the test', software: false },
    read: async ({ file }) => {
      const { width, height } = await scope.createImageBitmap(file)
      const info = { width, height, source: file.name, page: 0, croppedBottom: 0, pixelSize: null }
      return { info, pixels: file, remarks: [] }
    },
    open: ({ adapter }) => {
      if (scope.told.opening) throw failure(scope.told.opening)
      return {
        adapter: adapter?.summary ?? null,
        description: 'TinyViT, 9.79 M parameters',
        inputSize: 512,
        ownSize: 1024,
        own: { head: false, thresholds: null, warnings: [] },
        remarks: [],
      }
    },
    countTiles: () => scope.told.tiles ?? 1,
    propose: async ({ picture }, report) => {
      const { proposals = [], tiles = 1 } = scope.told
      const stopped = tiles > 1 && !searched
      for (let done = 1; stopped && !finished; done++) {
        report({ doing: `Looking for particles in ${tiles} tiles`, done, total: 1000 })
        await new Promise((next) => setTimeout(next, 100))
      }
      searched = true
      const records = stopped ? proposals.slice(0, Math.floor(proposals.length / 2)) : proposals
      const candidates = { version: 1, image: picture.info, options: {}, candidates: records, overlaps: [] }
      return { records, candidates, tiles, encodings: tiles, stopped, seconds: 5 * tiles }
    },
    adapt: () => null,
    encode: () => 200,
    prompt: () => ({ masks: [], ms: 1, encodedNow: false }),
    busy: () => ({ doing: null }),
    forecast: ({ memory }) => {
      const needs = scope.told.needs ?? 3e8
      return { memory: needs, fits: needs <= memory, recomputes: false, steps: STEPS, batch: 8, end: 5 }
    },
    train: async ({ resume, samples, rank }, report) => {
      scope.resumed = resume
      ended = null
      for (let step = resume ? resume[0] : 0; step <= STEPS; step++) {
        const point = { step, loss: 0.2 + 1 / (1 + step), ...(step % 10 === 0 && { score: 0.6 + step / 400 }) }
        report({ doing: 'Training', done: step, total: STEPS, secondsLeft: STEPS - step, point })
        report({ doing: 'Training', done: step, total: STEPS, checkpoint: new Uint8Array([step]) })
        const { fails } = scope.told
        if (fails && fails.step === step) throw failure(fails)
        await new Promise((next) => setTimeout(next, 20))
        if (ended) break
      }
      if (ended && !(ended as { use: boolean }).use) return null
      const images = samples.map(({ image }: { image: string }) => image)
      const training = {
        images,
        steps: STEPS,
        seconds: 90,
        endSeconds: 6,
        before: 0.61,
        after: 0.84,
        ownImages: true,
        time: '',
      }
      const [base, own] = [
        { point: 0.55, box: 0.67 },
        { point: 0.79, box: 0.85 },
      ]
      const source = { name: 'validation images', foreign: false, images: 1, base, adapter: own }
      const strength = { value: 0.75, safe: true, sources: [source] }
      const thresholds = { predIouThresh: 0.65, stabilityScoreThresh: 0.75, relativeScoreThresh: 0.9 }
      const summary = { file: null, rank, head: true, training, thresholds, strength, warnings: [] }
      return { adapter: {}, head: [], profile: { size: 512 }, model: 'model', inputSize: 512, summary }
    },
    endTraining: (how) => {
      ended = how
      return null
    },
  }
  scope.onmessage = async ({ data: { id, call, request, finish } }) => {
    if (finish) finished = true
    if (!call) return
    try {
      const report: Report = (progress) => scope.postMessage({ id, progress })
      scope.postMessage({ id, result: await answers[call](request, report) })
    } catch (error) {
      const { message, kind = 'other' } = error as { message: string; kind?: string }
      scope.postMessage({ id, error: { message, kind } })
    }
  }
}

/** The text of worker.js. */
export const fakeWorker = (told: Told = {}): string => `(${worker})(${JSON.stringify(told)})`
