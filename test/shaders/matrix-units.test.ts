/** Subgroup matrices: read by the build, compiled as they are by Dawn, emulated on this machine's adapter; loops unrolled. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sourceOf } from '../../engine/device/shader'
import { Graph } from '../../engine/graph/graph'
import { expand } from '../../scripts/wgsl-expand.mjs'
import { loadShader, reflect } from '../../scripts/wgsl-plugin.mjs'
import { emulateMatrixUnits, openEmulatedEngine } from '../support/emulate-matrix-units'
import { openNullEngine } from '../support/null-engine'
import { testNeeding } from '../support/needs'
import { randomArray, relativeError } from '../support/random'

const engine = await openEmulatedEngine()
const testF16 = testNeeding('f16', engine ? null : 'this adapter has no f16')

type Major = 'row_major' | 'col_major'
const K = 32

/**
 * c (16, 16) = factor · a (16, 32) · b (32, 16), by subgroups for the columns 0 to 15 and 16 to 31 of a (each twice, as a workgroup
 * has a multiple of 128 lanes). Operands are converted into workgroup memory of `element`, in their own order.
 */
const product = (a: Major, b: Major, element: 'f16' | 'vec4<f16>') => {
  const per = element === 'f16' ? 1 : 4
  const rows = (major: Major, row: string, column: string, columns: number, lines: number) =>
    major === 'row_major'
      ? [`(${row}) * ${columns}u + ${column}`, columns]
      : [`(${column}) * ${lines}u + ${row}`, lines]
  const [aAt, aStride] = rows(a, '0u', 'sg * 16u', K, 16)
  const [bAt, bStride] = rows(b, 'sg * 16u', '0u', 16, K)
  const stage = (name: string) =>
    per === 1
      ? `for (var i = lane; i < 512u; i += 128u) { ${name}_tile[i] = f16(${name}[i]); }`
      : `for (var i = lane; i < 128u; i += 128u) { ${name}_tile[i] = vec4<f16>(vec4f(${name}[4u * i], ${name}[4u * i + 1u], ${name}[4u * i + 2u], ${name}[4u * i + 3u])); }`
  return `// a product
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;
struct Params { stride: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
var<workgroup> a_tile: array<${element}, ${512 / per}>;
var<workgroup> b_tile: array<${element}, ${512 / per}>;
var<workgroup> sums: array<f32, 1024>;
fn left(at: u32) -> Left { return subgroupMatrixLoad<Left, ${a}>(&a_tile, at / ${per}u, ${Number(aStride) / per}u); }
@compute @workgroup_size(128)
fn main(@builtin(subgroup_id) subgroup: u32, @builtin(local_invocation_index) lane: u32) {
  let sg = subgroup % 2u;
  ${stage('a')}
  ${stage('b')}
  workgroupBarrier();
  var acc = array<Result, 2>();
  let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, ${b}>(&b_tile, (${bAt}) / ${per}u, ${Number(bStride) / per}u);
  // a load beyond the array gives zeros
  let none = left(params.stride * 31u);
  acc[1] = subgroupMatrixMultiplyAccumulate(none, right, acc[1]);
  acc[1] = subgroupMatrixMultiplyAccumulate(left(${aAt}), right, acc[1]);
  subgroupMatrixStore<row_major>(&sums, subgroup * 256u, acc[1], 16u);
  // nor is anything stored beyond it
  subgroupMatrixStore<row_major>(&sums, params.stride * 63u, acc[0], 16u);
  workgroupBarrier();
  for (var i = lane; i < 256u; i += 128u) { sums[i] = params.factor * (sums[i] + sums[256u + i]); }
  workgroupBarrier();
  if (subgroup == 0u) {
    let sum = subgroupMatrixLoad<Result, row_major>(&sums, 0u, 16u);
    subgroupMatrixStore<col_major>(&c, 0u, sum, params.stride);
  }
}
`
}

/** Of a, of b, and of their elements in workgroup memory. */
const forms: [Major, Major, 'f16' | 'vec4<f16>'][] = [
  ['row_major', 'row_major', 'f16'],
  ['row_major', 'col_major', 'vec4<f16>'],
  ['col_major', 'row_major', 'vec4<f16>'],
  ['col_major', 'col_major', 'f16'],
]

test('the build reads resources, uniforms and workgroup sizes of a shader with subgroup matrices', () => {
  const { entries } = reflect(product('row_major', 'col_major', 'f16'), 'product')
  assert.equal(entries.main.workgroup, [128, 1, 1])
  assert.equal(
    entries.main.bindings.map(({ name, kind }) => `${name} ${kind}`),
    ['params uniform', 'a read', 'b read', 'c read_write'],
  )
  assert.equal(Object.keys(entries.main.uniform!.fields), ['stride', 'factor'])
})

test('Dawn compiles such shaders as they are', async () => {
  const device = await openNullEngine()
  test.after(() => device.destroy())
  for (const form of forms) await device.pipeline(reflect(product(...form), form.join('-')), 'main')
  const wrong = product('row_major', 'row_major', 'f16').replace('&a_tile, at', '&params, at')
  let message = ''
  await device.pipeline(reflect(wrong, 'wrong'), 'main').catch((error: Error) => (message = error.message))
  assert.match(message, /subgroupMatrixLoad/)
})

for (const form of forms)
  testF16(`emulated product, operands of ${form.join(', ')}`, async () => {
    const [a, b] = [randomArray(1, 16 * K), randomArray(2, K * 16)].map((x) => x.map((v) => Math.round(v * 512) / 512))
    const at = (major: Major, row: number, column: number, columns: number, rows: number) =>
      major === 'row_major' ? row * columns + column : column * rows + row
    const expected = new Float64Array(256)
    for (let i = 0; i < 16; i++)
      for (let j = 0; j < 16; j++)
        for (let k = 0; k < K; k++)
          expected[j * 16 + i] += 2 * a[at(form[0], i, k, K, 16)] * b[at(form[1], k, j, 16, K)]
    const g = new Graph(engine!)
    const [x, y] = [g.input('a', [a.length]), g.input('b', [b.length])]
    const c = g.keep(g.tensor('c', [256]))
    g.dispatch(reflect(product(...form), form.join('-')), 'main', { a: x, b: y, c }, { stride: 16, factor: 2 }, [1])
    const program = await g.compile()
    program.poison()
    program.write(x, a)
    program.write(y, b)
    program.run()
    assert.ok(relativeError(await program.read(c), expected) < 1e-6)
    program.destroy()
  })

test('the emulation refuses what it does not know', () => {
  const text = product('row_major', 'row_major', 'f16')
  for (const [from, to, message] of [
    ['<f32, 16, 16>', '<f32, 8, 8>', /<f32, 8, 8> is not supported/],
    ['subgroupMatrixMultiplyAccumulate(', 'subgroupMatrixScalarAdd(', /subgroupMatrixScalarAdd\( is not supported/],
    ['array<f16, 512>', 'array<u32, 256>', /a_tile is not declared as an array of f16/],
    ['<Left, row_major>', '<Other, row_major>', /Other is no type/],
  ] as const)
    assert.throws(() => emulateMatrixUnits(text.replace(from, to)), message)
  assert.is(emulateMatrixUnits('fn f() {}'), 'fn f() {}')
})

const folder = mkdtempSync(join(tmpdir(), 'wgsl-'))
const file = (code: string) => {
  const path = join(folder, 'main.wgsl')
  writeFileSync(path, code)
  return path
}

test('a loop after "// unroll" becomes a block for each value; its lines are known by their own numbers', () => {
  const path = file(`const N = 2u;
@compute @workgroup_size(64)
fn main() {
  var sum = 0u;
  // unroll
  for (var i = 0u; i < N; i++) {
    // unroll
    for (var j = 0u; j < 32u; j += 16u) { sum += i * j; }
    sum += 1u;
  }
}
`)
  const inner = (j: number) => ['    {', `      const j = ${j}u;`, '      sum += i * j;', '    }']
  const outer = (i: number) => ['  {', `    const i = ${i}u;`, ...inner(0), ...inner(16), '    sum += 1u;', '  }']
  const lines = expand(path).code.split('\n')
  assert.equal(lines.slice(4, -2), [...outer(0), ...outer(1), '}'].slice(0, -1))
  const shader = loadShader(path)
  assert.equal(
    [3, 5, 9, 15, 17, 29].map((line) => sourceOf(shader, line)),
    [3, 6, 8, 9, 6, 11].map((line) => `main.wgsl:${line}`),
  )
})

test('a loop that cannot be unrolled is refused, with file and line', () => {
  for (const [loop, message] of [
    ['let a = 1;', /^main\.wgsl:2: "\/\/ unroll" must be followed by a loop/],
    ['for (var i = 0u; i < n; i++) {\n}', /^main\.wgsl:\d: n is neither a number nor a constant/],
    ['for (var i = 0u; i < 4u; i++) {\n  break;\n}', /^main\.wgsl:\d: a loop to unroll has neither break nor continue/],
    ['for (var i = 0u; i < 4u; i++) {', /^main\.wgsl:\d: the loop to unroll does not end/],
  ] as const)
    assert.throws(() => expand(file(`fn f() {\n// unroll\n${loop}\n`)), message)
})

test.after(() => {
  rmSync(folder, { recursive: true })
  engine?.destroy()
})
test.run()
