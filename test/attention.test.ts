import { test } from 'uvu'
import { attention } from '../engine/ops/attention'
import { windowMap } from '../engine/ops/windows'
import { type AttentionCase, attentionReference, sizes } from './support/attention-reference'
import { type Input, checkOp } from './support/check-op'
import { engine } from './support/engine'

async function check(c: AttentionCase, samples = 24): Promise<void> {
  const { batch, sideH, sideW, length, tokens, padded, channels } = sizes(c)
  const { heads, head, height, width, window } = c
  const qkv: Input = { shape: [tokens + (padded ? 1 : 0), 3 * channels], grad: true }
  const relative: Record<string, Input> = c.relative
    ? { h: { shape: [2 * sideH - 1, head] }, w: { shape: [2 * sideW - 1, head] } }
    : {}
  const bias: Record<string, Input> = c.bias ? { bias: { shape: [heads, length, length] } } : {}
  const map = windowMap(engine, { batch, height, width, window })
  await checkOp<string>({
    inputs: { qkv, ...relative, ...bias },
    build: (g, { qkv, h, w, bias }) => attention(g, qkv, { heads, map, bias, relPos: h && { h, w } }),
    reference: ({ qkv, h, w, bias }) => attentionReference(c, { qkv, h, w, bias }),
    samples,
  })
}

test('global attention of one head', () => check({ height: 4, width: 4, window: 0, heads: 1, head: 16 }))

test('windows without and with padding', async () => {
  await check({ height: 6, width: 4, window: 2, heads: 2, head: 8 })
  await check({ batch: 2, height: 5, width: 7, window: 3, heads: 3, head: 16 })
})

test('relative positions, global on a grid that is not square, and windowed with padding', async () => {
  await check({ batch: 2, height: 3, width: 5, window: 0, heads: 2, head: 32, relative: true })
  await check({ batch: 2, height: 5, width: 4, window: 3, heads: 3, head: 16, relative: true })
})

test('a bias, with padding', () => check({ height: 5, width: 5, window: 3, heads: 5, head: 32, bias: true }))

test('relative positions and a bias together; heads of 64 and 80', async () => {
  await check({ height: 5, width: 3, window: 4, heads: 2, head: 64, relative: true, bias: true }, 12)
  await check({ height: 3, width: 3, window: 2, heads: 1, head: 80, relative: true, bias: true }, 12)
})
test.run()
