/** @file TensorFlow.js with its WebGPU backend, on our Dawn and adapter. Operations that it lacks are composed of others. */
import { requestAdapter } from '../../src/host/dawn'
import { type PeerCase, operandsOf } from './cases'
import { loadPackage, PACKAGES } from './packages'
import { hostTime, type Peer, type PreparedCase } from './peer'

/** The part of its API that is used here. */
interface TfTensor {
  data(): Promise<Float32Array>
  dispose(): void
}
interface Tf {
  setBackend(name: string): Promise<boolean>
  backend(): {
    device: GPUDevice
    commandEncoder: GPUCommandEncoder | null
    endComputePassEncoder(): void
    submitQueue(): void
  }
  tensor(data: Float32Array, shape: number[]): TfTensor
  tidy<T>(work: () => T): T
  reshape(x: TfTensor, shape: number[]): TfTensor
  transpose(x: TfTensor, order: number[]): TfTensor
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor
  conv2d(x: TfTensor, filter: TfTensor, stride: number, padding: 'same'): TfTensor
  softmax(x: TfTensor): TfTensor
  moments(x: TfTensor, axis: number, keep: boolean): { mean: TfTensor; variance: TfTensor }
  erf(x: TfTensor): TfTensor
  rsqrt(x: TfTensor): TfTensor
  add(a: TfTensor, b: TfTensor | number): TfTensor
  sub(a: TfTensor, b: TfTensor): TfTensor
  mul(a: TfTensor, b: TfTensor | number): TfTensor
}

export async function openTfjs(): Promise<Peer> {
  const gpu = { requestAdapter: () => requestAdapter(), wgslLanguageFeatures: new Set<string>() }
  // depending on its version, Node has its own navigator or none
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true })
  const tf = loadPackage<Tf>('tfjs', '@tensorflow/tfjs-core')
  // sets the WebGPU globals, which the backend needs while it loads
  await requestAdapter()
  loadPackage('tfjs', '@tensorflow/tfjs-backend-webgpu')
  if (!(await tf.setBackend('webgpu'))) throw new Error('its WebGPU backend does not start on this adapter')
  return { version: PACKAGES.tfjs[1], has: ({ op }) => op !== 'encoder', prepare: async (one) => prepare(tf, one) }
}

function prepare(tf: Tf, one: PeerCase): PreparedCase {
  const operands = Object.fromEntries(
    Object.entries(operandsOf(one)).map(([name, { data, shape }]) => [name, tf.tensor(data, shape)]),
  )
  const record = operation(tf, one, operands)
  const backend = tf.backend()
  return {
    sample: (times) =>
      hostTime(times, async () => {
        for (let i = 0; i < times; i++) tf.tidy(record).dispose()
        if (backend.commandEncoder) {
          backend.endComputePassEncoder()
          backend.submitQueue()
        }
        await backend.device.queue.onSubmittedWorkDone()
      }),
    async result() {
      const y = tf.tidy(record)
      const data = await y.data()
      y.dispose()
      return data
    },
    release() {
      for (const tensor of Object.values(operands)) tensor.dispose()
    },
  }
}

function operation(tf: Tf, one: PeerCase, t: Record<string, TfTensor>): () => TfTensor {
  switch (one.op) {
    case 'matmul':
      return () => tf.matMul(t.a, t.b)
    case 'layernorm':
      return () => {
        const { mean, variance } = tf.moments(t.x, 1, true)
        const normal = tf.mul(tf.sub(t.x, mean), tf.rsqrt(tf.add(variance, 1e-6)))
        return tf.add(tf.mul(normal, t.gamma), t.beta)
      }
    case 'gelu':
      return () => tf.mul(tf.mul(t.x, 0.5), tf.add(tf.erf(tf.mul(t.x, Math.SQRT1_2)), 1))
    case 'conv3x3': {
      // (out, in, 3, 3) to (3, 3, in, out), outside the timed part
      const filter = tf.tidy(() => tf.transpose(t.weight, [2, 3, 1, 0]))
      const x = tf.reshape(t.x, [1, one.side, one.side, one.from])
      Object.assign(t, { filter, x4: x })
      return () => tf.conv2d(x, filter, 1, 'same')
    }
    case 'attention': {
      const split = (x: TfTensor) => tf.transpose(tf.reshape(x, [one.side ** 2, one.heads, one.head]), [1, 0, 2])
      return () => {
        const [q, k, v] = [t.q, t.k, t.v].map(split)
        const scores = tf.softmax(tf.mul(tf.matMul(q, k, false, true), one.head ** -0.5))
        const rows = tf.transpose(tf.matMul(scores, v), [1, 0, 2])
        return tf.reshape(rows, [one.side ** 2, one.heads * one.head])
      }
    }
    case 'encoder':
      throw new Error('TensorFlow.js cannot read ONNX files')
  }
}
