/**
 * @file The worker: it loads the model, fine-tunes it and compares the masks before and after. The page stays responsive, because all of the
 * engine's work on the processor is done here.
 */
import { attachAdapter, Engine, generate, openWeights, SamModel, train } from './wgsam.js'

const controller = new AbortController()

onmessage = ({ data }) => {
  if (data.kind === 'stop') controller.abort(new Error('stopped'))
  else run(data).then(end, (error) => end(error.message))
}

const end = (/** @type {string} */ text) => postMessage({ kind: 'end', text })

/** @param {{ model: { url: string, config: string | null }, samples: import('wgsam').TrainingSample[], settings: { steps: number, rank: number } }} task */
async function run({ model: { url, config }, samples, settings }) {
  const adapter = await navigator.gpu?.requestAdapter()
  if (!adapter) throw new Error('this browser offers no WebGPU adapter in workers')
  const engine = new Engine(await adapter.requestDevice())
  const { weights, architecture } = await openWeights(url, { config: config && JSON.parse(config) })
  const model = await SamModel.load(engine, weights, architecture)
  const [validation, ...training] = samples
  const count = async () => (await generate(model, validation.image, { pointsPerSide: 8 })).masks.length
  const before = await count()
  const {
    adapter: trained,
    head,
    base,
    best,
  } = await train(model, training, {
    lora: { rank: settings.rank },
    batch: 2,
    maxSteps: settings.steps,
    validationSamples: [validation],
    signal: controller.signal,
    onStep: ({ step, totalSteps, runningLoss }) => postMessage({ kind: 'step', step, totalSteps, loss: runningLoss }),
  })
  // the adapter stays on the model until `release`; `trained` and `head` can be stored, or sent to the page
  await attachAdapter(model, trained, head)
  const after = await count()
  const percent = (/** @type {number | null | undefined} */ score) => `${(100 * (score ?? 0)).toFixed(1)} %`
  return `score ${percent(base)} before, ${percent(best?.score)} after; ${before} masks before, ${after} after`
}
