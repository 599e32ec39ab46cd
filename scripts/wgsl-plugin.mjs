/**
 * @file The esbuild plugin for shaders. `import gemm from '../../shaders/gemm-direct.wgsl'` imports a Shader
 * (engine/device/shader.ts): its text, and for each entry point the workgroup size, the bindings and the layout of the
 * uniform struct, all read from the text, so that no number is written both here and there.
 */
import { basename } from 'node:path'
import { WgslReflect, ResourceType } from 'wgsl_reflect/wgsl_reflect.module.js'
import { expand } from './wgsl-expand.mjs'

/** Reads, expands and reflects a shader file. @throws where its text does not parse, with the file and line. */
export function loadShader(path) {
  const name = basename(path, '.wgsl')
  const { code, sources } = expand(path)
  return reflect(code, name, sources)
}

/** Reflects one shader text. @throws where it does not parse, with the file and line. */
export function reflect(code, name, sources = [{ line: 1, file: `${name}.wgsl`, offset: 0 }]) {
  const entries = {}
  for (const entry of parse(code, name, sources).entry.compute) {
    const uniform = entry.resources.find((r) => r.resourceType === ResourceType.Uniform)
    entries[entry.name] = {
      workgroup: workgroupSize(entry, name),
      bindings: entry.resources.map((r) => bindingOf(r, name)).sort((a, b) => a.binding - b.binding),
      uniform: uniform ? layoutOf(uniform.type) : null,
    }
  }
  return { name, code: withoutComments(code), sources, entries }
}

/** The text without comments, which nobody needs at run time. Lines keep their numbers, and their indentation, by which tests read loops. */
function withoutComments(code) {
  return code
    .replace(/\/\*[^]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/\/\/.*$/gm, '')
    .replace(/[ \t]+$/gm, '')
}

/**
 * The text with stand-ins for what the parser does not know, line by line: a matrix of a subgroup is a vector, and its
 * loads and stores take no type. Resources, their use and their layouts stay as they are.
 */
function withoutMatrixUnits(code) {
  return code
    .replace(/\bsubgroup_matrix_(?:left|right|result)\s*<[^<>]*>/g, 'vec4<f32>')
    .replace(/\b(subgroupMatrix(?:Load|Store))\s*<(?:[^<>]|<[^<>]*>)*>/g, '$1')
}

function parse(code, name, sources) {
  try {
    return new WgslReflect(withoutMatrixUnits(code))
  } catch (error) {
    const [, message, line] = /^(.*?)\.* Line: (\d+)$/.exec(error.message) ?? [null, error.message, 0]
    const source = sources.filter((s) => s.line <= line).at(-1)
    throw new Error(`${source ? `${source.file}:${Number(line) + source.offset}` : `${name}.wgsl`}: ${message}`)
  }
}

function workgroupSize(entry, name) {
  const size = [entry.attributes?.find((a) => a.name === 'workgroup_size')?.value].flat().map(Number)
  if (size.some(Number.isNaN)) throw new Error(`${name}.wgsl: ${entry.name}: workgroup_size must be literal numbers`)
  return [...size, 1, 1].slice(0, 3)
}

function bindingOf({ name, group, binding, resourceType, access }, shader) {
  if (group !== 0) throw new Error(`${shader}.wgsl: ${name} is in group ${group}; wgsam's kernels use group 0 only`)
  const writes = access === 'read_write' || access === 'write'
  return { name, binding, kind: resourceType === ResourceType.Uniform ? 'uniform' : writes ? 'read_write' : 'read' }
}

/** Offsets, in bytes, and types of a uniform struct's members: scalars, vectors, and arrays of them. */
function layoutOf({ size, members }) {
  const fields = members.map(({ name, offset, type }) => {
    const array = type.isArray ? type : null
    const element = array ? array.format : type
    const vector = /^vec([234])/.exec(element.name)
    const scalar = element.format?.name ?? (vector ? element.name.slice(-1) + '32' : element.name)
    const kind = scalar.startsWith('f') ? 'f32' : scalar.startsWith('i') ? 'i32' : 'u32'
    const width = vector ? Number(vector[1]) : 1
    return [name, { offset, type: kind, width, count: array?.count ?? 1, stride: array?.stride ?? 0 }]
  })
  return { size, fields: Object.fromEntries(fields) }
}

export const wgsl = () => ({
  name: 'wgsl',
  setup(build) {
    build.onLoad({ filter: /\.wgsl$/ }, ({ path }) => {
      try {
        return { contents: `export default ${JSON.stringify(loadShader(path))}`, loader: 'js' }
      } catch (error) {
        return { errors: [{ text: error.message, location: { file: path } }] }
      }
    })
  },
})
