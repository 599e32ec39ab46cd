/**
 * @file Matrix units where there are none, for tests: WGSL with subgroup matrices as plain WGSL, and an engine on this
 * machine's adapter that compiles its kernels so. Kernels for matrix units then run anywhere, with the constants they have
 * on a GPU and at about the speed of a kernel in f32.
 *
 *     const engine = await openEmulatedEngine('high')          // null if the adapter has no f16
 *     engine.variants = { ...engine.variants, attention: 'matrix' }
 *
 * A product C (16, 16) += A (16, 16) · B (16, 16) is divided among the 32 lanes of a subgroup: each computes 2 rows by 4
 * columns of C and keeps, of A, those rows and, of B, those columns. So no lane needs another one's registers, and no
 * barriers are added. Products are exact and added in f32, each rounded to nearest, by ascending k. Real units differ in the
 * order and the rounding of sums (NVIDIA's truncate).
 *
 * Loops have a bound that compilers do not know: unrolled, a kernel of many products takes minutes to compile on a software
 * adapter.
 *
 * As Dawn does it, a matrix of which any element lies beyond its array is loaded as zeros, and not stored.
 *
 * Supported: types (also by `alias`) of f16 operands and f32 results of 16x16; loads and stores with `row_major` or
 * `col_major`, from and to `&name` where `name` is a variable of the module that is an array of f16, f32 or vec4 of them;
 * products; zero values `Type()`. Workgroups may have one dimension only, and `@builtin(subgroup_id)` is replaced.
 */
import { Engine } from '../../engine/device/engine'
import { MATRIX_FEATURES } from '../../engine/device/matrix-units'
import type { Precision } from '../../engine/device/precision'
import { openDevice } from '../../src/host/device'
import { LIMITS } from '../../src/host/device-needs'
import { findAdapter } from '../../src/host/gpu'
import { waitWithNaps } from '../../src/host/idle-wait'

const SIDE = 16
const LANES = 32
/** Of the GPUs that are emulated, in bytes. */
const WORKGROUP_MEMORY = 49152
const MATRIX = /subgroup_matrix_(left|right|result)\s*<\s*(f16|f32)\s*,\s*(\d+)\s*,\s*(\d+)\s*>/g
type Kind = 'left' | 'right' | 'result'

/** What a lane keeps of a matrix: two rows of A, four columns of B, two rows by four columns of C. */
const STRUCTS = `
struct Emulated_left { k: array<vec2<f16>, ${SIDE}> }
struct Emulated_right { k: array<vec4<f16>, ${SIDE}> }
struct Emulated_result { row: array<vec4<f32>, 2> }
var<private> emulated_lane: u32;
var<private> emulated_side: u32;
fn emulated_row() -> u32 { return emulated_lane / 4u * 2u; }
fn emulated_column() -> u32 { return emulated_lane % 4u * 4u; }
fn emulated_multiply(a: Emulated_left, b: Emulated_right, c: Emulated_result) -> Emulated_result {
  var x = a;
  var y = b;
  var sum = c;
  for (var k = 0u; k < emulated_side; k++) {
    sum.row[0] += f32(x.k[k].x) * vec4<f32>(y.k[k]);
    sum.row[1] += f32(x.k[k].y) * vec4<f32>(y.k[k]);
  }
  return sum;
}`

/** A number that compilers do not know. */
const opaque = (value: number) => `min(${value}u, ${value}u + emulated_lane)`

/**
 * The elements that a lane keeps: the field of its struct with its lines and their components, and the place (row, column)
 * in the matrix of component j of line i.
 */
const KEPT: Record<Kind, { field: string; lines: string; components: number; row: string; column: string }> = {
  left: { field: 'k', lines: 'emulated_side', components: 2, row: '(emulated_row() + j)', column: 'i' },
  right: { field: 'k', lines: 'emulated_side', components: 4, row: 'i', column: '(emulated_column() + j)' },
  result: {
    field: 'row',
    lines: opaque(2),
    components: 4,
    row: '(emulated_row() + i)',
    column: '(emulated_column() + j)',
  },
}

/** Translates a shader; one without subgroup matrices is returned as it is. @throws Error for a form that is not supported */
export function emulateMatrixUnits(code: string): string {
  if (!code.includes('chromium_experimental_subgroup_matrix')) return code
  const aliases = new Map<string, Kind>()
  const kindOf = (type: string): Kind => {
    const [, kind, component, columns, rows] = new RegExp(MATRIX.source).exec(type) ?? []
    if (!kind) {
      const named = aliases.get(type.trim())
      if (!named) throw new Error(`emulation: ${type} is no type of a subgroup matrix`)
      return named
    }
    const expected = kind === 'result' ? 'f32' : 'f16'
    if (component !== expected || Number(columns) !== SIDE || Number(rows) !== SIDE)
      throw new Error(`emulation: ${type} is not supported`)
    return kind as Kind
  }
  for (const [, name, type] of code.matchAll(/alias\s+(\w+)\s*=\s*(subgroup_matrix_[^;]*);/g))
    aliases.set(name, kindOf(type))

  const functions = new Map<string, string>()
  const access = (array: string, major: string, kind: Kind, value: string | null): string => {
    const name = `emulated_${value ? 'store' : 'load'}_${kind}_${major}_of_${array}`
    const { field, lines, components, row, column } = KEPT[kind]
    const { vector, length } = arrayOf(code, array)
    const last = `offset + ${SIDE - 1}u * stride + ${SIDE / vector}u`
    const [line, along] = major === 'row_major' ? [row, column] : [column, row]
    const at =
      vector === 1
        ? `${array}[offset + ${line} * stride + ${along}]`
        : `${array}[offset + ${line} * stride + ${along} / 4u][${along} % 4u]`
    const kept = `m.${field}[i][j]`
    const scalar = kind === 'result' ? 'f32' : 'f16'
    const move = value ? `${at} = ${kept};` : `${kept} = ${scalar}(${at});`
    const inner = `for (var j = 0u; j < ${opaque(components)}; j++) { ${move} }`
    const loop = `if (${last} <= ${length}) { for (var i = 0u; i < ${lines}; i++) { ${inner} } }`
    functions.set(
      name,
      value
        ? `fn ${name}(offset: u32, matrix: Emulated_${kind}, stride: u32) { var m = matrix; ${loop} }`
        : `fn ${name}(offset: u32, stride: u32) -> Emulated_${kind} { var m = Emulated_${kind}(); ${loop} return m; }`,
    )
    return `${name}(`
  }

  let out = rolled(code.split('\n'))
    .join('\n')
    .replace(/enable\s+(subgroups|subgroup_size_control|chromium_experimental_subgroup_matrix)\s*;/g, '')
    .replace(/diagnostic\s*\(\s*off\s*,\s*chromium\.subgroup_matrix_uniformity\s*\)\s*;/g, '')
    .replace(/@subgroup_size\s*\(\s*\d+\s*\)/g, '')
    .replace(
      /subgroupMatrixLoad\s*<\s*((?:[^<>]|<[^<>]*>)*?)\s*,\s*(row_major|col_major)\s*>\s*\(\s*&(\w+)\s*,/g,
      (_, type: string, major: string, array: string) => access(array, major, kindOf(type), null),
    )
    .replace(
      /subgroupMatrixStore\s*<\s*(row_major|col_major)\s*>\s*\(\s*&(\w+)\s*,/g,
      (_, major: string, array: string) => access(array, major, 'result', 'matrix'),
    )
    .replace(/\bsubgroupMatrixMultiplyAccumulate\b/g, 'emulated_multiply')
    .replace(MATRIX, (type) => `Emulated_${kindOf(type)}`)
  const left = /\bsubgroup\w+\s*[<(]/.exec(out)
  if (left) throw new Error(`emulation: ${left[0]} is not supported`)
  out = out.replace(/(@compute[^{]*?\bfn\s+\w+\s*\()([^{]*?)(\)\s*\{)/g, (_, head, parameters, end) =>
    entryPoint(head as string, parameters as string, end as string),
  )
  const directives = /^(?:\s*(?:(?:enable|requires|diagnostic)\b[^;]*;|\/\/[^\n]*\n))*/.exec(out)![0]
  return [directives, STRUCTS, out.slice(directives.length), ...functions.values(), ''].join('\n')
}

/**
 * Undoes the unrolling of loops by scripts/wgsl-expand.mjs: blocks that differ only in the constant with which they begin
 * become a loop again. In an entry point its bound is uniform, because the loop may contain barriers.
 */
function rolled(lines: readonly string[], inEntryPoint = false): string[] {
  const out: string[] = []
  let entry = inEntryPoint
  const blockAt = (at: number) => {
    const [, indent] = /^(\s*)\{$/.exec(lines[at] ?? '') ?? []
    const [, name, value] = /^\s*const (\w+) = (\d+)u;$/.exec(lines[at + 1] ?? '') ?? []
    if (indent === undefined || !name) return null
    const end = lines.findIndex((line, i) => i > at && line === `${indent}}`)
    return { indent, name, value: Number(value), body: lines.slice(at + 2, end), next: end + 1 }
  }
  for (let i = 0; i < lines.length;) {
    if (lines[i].startsWith('@compute')) entry = true
    if (lines[i] === '}') entry = false
    const first = blockAt(i)
    if (!first) {
      out.push(lines[i++])
      continue
    }
    const { indent, name, body } = first
    const values: number[] = []
    let block: typeof first | null = first
    for (; block?.name === name && `${block.body}` === `${body}`; block = blockAt(i)) {
      values.push(block.value)
      i = block.next
    }
    const step = values.length > 1 ? values[1] - values[0] : 1
    const end = values.at(-1)! + step
    const bound = entry ? `min(${end}u, ${end}u + emulated_groups.x)` : opaque(end)
    const head = `for (var ${name} = ${values[0]}u; ${name} < ${bound}; ${name} += ${step}u) {`
    out.push(indent + head, ...rolled(body, entry), `${indent}}`)
  }
  return out
}

/** An entry point that keeps the number of its lane in the subgroup, and computes the number of the subgroup. */
function entryPoint(head: string, parameters: string, end: string): string {
  const index = /@builtin\(local_invocation_index\)\s*(\w+)/.exec(parameters)?.[1] ?? 'emulated_index'
  const given = parameters
    .split(/,(?![^(]*\))/)
    .map((one) => one.trim())
    .filter(Boolean)
  const subgroup = given.find((one) => one.includes('@builtin(subgroup_id)'))
  const kept = given.filter((one) => one !== subgroup)
  if (index === 'emulated_index') kept.push('@builtin(local_invocation_index) emulated_index: u32')
  const lines = [`emulated_lane = ${index} % ${LANES}u; emulated_side = min(${SIDE}u, ${SIDE}u + ${index});`]
  // uniform, and not known to compilers
  const groups = /@builtin\(num_workgroups\)\s*(\w+)/.exec(parameters)?.[1]
  if (groups) lines.push(`let emulated_groups = ${groups};`)
  else kept.push('@builtin(num_workgroups) emulated_groups: vec3<u32>')
  if (subgroup) lines.push(`let ${/(\w+)\s*:/.exec(subgroup)![1]} = ${index} / ${LANES}u;`)
  return `${head}${kept.join(', ')}${end} ${lines.join(' ')}`
}

/** The declaration of an array of the module: components of its elements, and its length as WGSL. */
function arrayOf(code: string, name: string): { vector: 1 | 4; length: string } {
  const declared = new RegExp(`var\\s*<[^>]*>\\s*${name}\\s*:\\s*array<\\s*([\\w<>]+?)\\s*(?:,\\s*([^;]*?))?\\s*>\\s*;`)
  const [, element, length] = declared.exec(code) ?? []
  const vector = ({ f16: 1, f32: 1, 'vec4<f16>': 4, vec4h: 4, 'vec4<f32>': 4, vec4f: 4 } as const)[element]
  if (!vector) throw new Error(`emulation: ${name} is not declared as an array of f16, f32 or vec4 of them`)
  return { vector, length: length ?? `arrayLength(&${name})` }
}

/** The text for an adapter with less workgroup memory than is claimed: the lines of its tiles are not padded. */
const unpadded = (code: string, memory: number) =>
  memory < WORKGROUP_MEMORY ? code.replace('const PAD = 8u;', 'const PAD = 0u;') : code

/** Makes a device claim matrix units, and compile shaders that use them through the emulation. */
function emulated(device: GPUDevice): GPUDevice {
  const { vendor, architecture, description, device: name } = device.adapterInfo
  const config = { componentType: 'f16', resultComponentType: 'f32', M: SIDE, N: SIDE, K: SIDE }
  const compile = device.createShaderModule.bind(device)
  const { maxComputeWorkgroupStorageSize: memory, minStorageBufferOffsetAlignment } = device.limits
  const claimed = {
    limits: {
      ...Object.fromEntries(LIMITS.map((limit) => [limit, device.limits[limit]])),
      minStorageBufferOffsetAlignment,
      minUniformBufferOffsetAlignment: device.limits.minUniformBufferOffsetAlignment,
      maxComputeWorkgroupStorageSize: WORKGROUP_MEMORY,
    },
    features: new Set([...device.features, ...MATRIX_FEATURES]),
    adapterInfo: {
      vendor,
      architecture,
      description,
      device: name,
      subgroupMinSize: LANES,
      subgroupMaxSize: LANES,
      subgroupMatrixConfigs: [config],
    },
    createShaderModule: (descriptor: GPUShaderModuleDescriptor) =>
      compile({ ...descriptor, code: emulateMatrixUnits(unpadded(descriptor.code, memory)) }),
  }
  for (const [key, value] of Object.entries(claimed)) Object.defineProperty(device, key, { value })
  return device
}

/**
 * An engine with emulated matrix units on this machine's adapter: a new device, which the caller destroys. Null if the
 * adapter has no f16. It chooses variants as any engine on this adapter does, so tests set `engine.variants`.
 */
export async function openEmulatedEngine(precision: Precision = 'highest'): Promise<Engine | null> {
  // Mesa's software adapter then compiles without most optimizations: these kernels take it longer to compile than to run
  process.env.GALLIVM_PERF ??= 'nopt'
  const adapter = await findAdapter()
  if (!adapter?.features.has('shader-f16')) return null
  return new Engine(emulated(await openDevice(adapter)), { precision, wait: waitWithNaps })
}
