/** @file 3x3 convolutions: dense ones of the neck and the stem (by im2col), and depthwise ones of the encoder. */
import { conv3x3 } from '../../engine/ops/conv'
import { depthwiseConv3x3 } from '../../engine/ops/depthwise'
import { type MicroCase, floats } from '../micro-case'

interface ConvShape {
  side: number
  from: number
  to: number
  stride: 1 | 2
  usage: string
  quick: boolean
}

const dense: ConvShape[] = [
  { side: 64, from: 256, to: 256, stride: 1, usage: 'neck 1024', quick: false },
  { side: 32, from: 256, to: 256, stride: 1, usage: 'neck 512', quick: true },
  { side: 1024, from: 3, to: 32, stride: 2, usage: 'TinyViT 1024, stem', quick: false },
  { side: 512, from: 32, to: 64, stride: 2, usage: 'TinyViT 1024, stem', quick: false },
]
const depthwise: ConvShape[] = [
  { side: 256, from: 256, to: 256, stride: 1, usage: 'TinyViT 1024, stage 0', quick: false },
  { side: 128, from: 128, to: 128, stride: 1, usage: 'TinyViT 1024, stage 1', quick: false },
  { side: 64, from: 128, to: 128, stride: 1, usage: 'TinyViT 512, stage 1', quick: true },
]

const sizesOf = ({ side, from, to, stride }: ConvShape) => ({
  input: side ** 2 * from,
  output: (side / stride) ** 2 * to,
})

const denseCase = (shape: ConvShape): MicroCase => {
  const { side, from, to, stride, usage, quick } = shape
  const { input, output } = sizesOf(shape)
  return {
    name: `conv3x3 ${side}x${side}x${from} to ${to}${stride > 1 ? ` stride ${stride}` : ''} (${usage})`,
    quick,
    record(bench) {
      const x = bench.variable('x', side * side, from)
      const weight = bench.operand('weight', to, 9 * from)
      const work = { flops: 2 * output * 9 * from, bytes: floats(input, weight.size, output) }
      const y = conv3x3(bench.g, x, { batch: 1, height: side, width: side, stride, weight })
      return { output: y, forward: work, backward: work }
    },
  }
}

const depthwiseCase = (shape: ConvShape): MicroCase => {
  const { side, from, stride, usage, quick } = shape
  const { input, output } = sizesOf(shape)
  return {
    name: `depthwise 3x3 ${side}x${side}x${from} (${usage})`,
    quick,
    record(bench) {
      const x = bench.variable('x', side * side, from)
      const weight = bench.operand('weight', 9, from)
      const work = { flops: 2 * output * 9, bytes: floats(input, output) }
      const y = depthwiseConv3x3(bench.g, x, { batch: 1, height: side, width: side, stride, weight })
      return { output: y, forward: work, backward: work }
    },
  }
}

export const convCases: MicroCase[] = [...dense.map(denseCase), ...depthwise.map(depthwiseCase)]
