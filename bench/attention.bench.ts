/**
 * @file Attention's forward and backward rates at the shapes of the encoders, in every form that the adapter takes.
 * usage: [ms to spend a shape and form] [part of the shape's name]. On a software adapter times are those of the processor,
 * all cores together, which others on the machine disturb less than the clock.
 */
import { Graph } from '../engine/graph/graph'
import { attention } from '../engine/ops/attention'
import { attentionMaterialised } from '../engine/ops/attention-materialised'
import { windowMap } from '../engine/ops/windows'
import { openEngine } from '../src/host/gpu'

const shapes = [
  { name: 'TinyViT 512, stage 2', grid: 32, window: 14, heads: 5, head: 32, bias: true },
  { name: 'TinyViT 512, stage 1', grid: 64, window: 7, heads: 4, head: 32, bias: true },
  { name: 'TinyViT 512, stage 3', grid: 32, window: 7, heads: 10, head: 32, bias: true },
  { name: 'ViT-B 512, windowed', grid: 32, window: 14, heads: 12, head: 64, bias: false },
  { name: 'ViT-B 512, global', grid: 32, window: 0, heads: 12, head: 64, bias: false },
]
const budget = Number(process.argv[2] ?? 2000)
const engine = await openEngine()
const noise = (size: number) => Float32Array.from({ length: size }, () => Math.random() - 0.5)

function now(): number {
  if (!engine.software) return performance.now()
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function milliseconds(
  op: typeof attention,
  shape: (typeof shapes)[number],
  training: boolean,
): Promise<{ ms: number; flops: number }> {
  const { grid, window, heads, head } = shape
  const g = new Graph(engine, training)
  const map = windowMap(engine, { batch: 1, height: grid, width: grid, window })
  const weight = (label: string, ...dims: number[]) =>
    engine.persistent('weight', label, dims, noise(dims.reduce((a, b) => a * b)))
  const qkv = weight('qkv', map.tokens + (map.pads ? 1 : 0), 3 * heads * head)
  qkv.requiresGrad = training
  const bias = shape.bias ? weight('bias', heads, map.length, map.length) : undefined
  const relPos = shape.bias
    ? undefined
    : { h: weight('h', 2 * map.sideH - 1, head), w: weight('w', 2 * map.sideW - 1, head) }
  const out = g.keep(op(g, qkv, { heads, map, bias, relPos }))
  if (training) {
    const upstream = weight('upstream', ...out.shape)
    g.backward(out, upstream)
    g.keep(g.gradientOf(qkv)!)
  }
  const program = await g.compile()
  program.run()
  await engine.idle()
  // the best of the runs: others may use the machine
  let ms = Infinity
  const end = performance.now() + budget
  do {
    const start = now()
    program.run()
    await engine.idle()
    ms = Math.min(ms, now() - start)
  } while (performance.now() < end)
  program.destroy()
  return { ms, flops: 4 * map.windows * heads * map.length ** 2 * head }
}

const best = engine.attention
for (const shape of shapes.filter(({ name }) => name.includes(process.argv[3] ?? '')))
  for (const form of ['direct', 'subgroup', 'materialised'] as const) {
    if (form === 'subgroup' && best !== 'subgroup') continue
    if (form !== 'materialised') engine.attention = form
    const op = form === 'materialised' ? attentionMaterialised : attention
    const forward = await milliseconds(op, shape, false)
    const both = await milliseconds(op, shape, true)
    // the backward's nominal 2.5 times the forward's operations: five products instead of two
    const rate = (flops: number, ms: number) =>
      `${ms.toFixed(2).padStart(8)} ms ${(flops / ms / 1e6).toFixed(2).padStart(8)} GFLOP/s`
    console.log(
      `${shape.name.padEnd(20)} ${form.padEnd(12)} forward ${rate(forward.flops, forward.ms)}` +
        `   backward ${rate(2.5 * forward.flops, both.ms - forward.ms)}`,
    )
  }
engine.destroy()
