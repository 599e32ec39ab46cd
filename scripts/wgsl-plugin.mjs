// esbuild plugin: `import gemm from '../../shaders/gemm-direct.wgsl'` gives { name, code, entries }, where entries says of each
// entry point its workgroup size, its bindings and the layout of its uniform struct, all read from the shader itself.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { WgslReflect, ResourceType } from 'wgsl_reflect/wgsl_reflect.module.js'

function kindOf(resource) {
  if (resource.resourceType === ResourceType.Uniform) return 'uniform'
  return resource.access === 'read_write' || resource.access === 'write' ? 'read_write' : 'read'
}

/** Reflects one shader text. Throws with the file's name where the text does not parse. */
export function reflect(code, name) {
  const reflection = new WgslReflect(code)
  const entries = {}
  for (const entry of reflection.entry.compute) {
    const size = entry.attributes?.find((a) => a.name === 'workgroup_size')?.value
    const workgroup = [size].flat().map(Number)
    while (workgroup.length < 3) workgroup.push(1)
    if (workgroup.some(Number.isNaN)) throw new Error(`${name}: ${entry.name}: workgroup_size must be literal numbers`)
    const bindings = entry.resources.map((r) => {
      if (r.group !== 0) throw new Error(`${name}: ${r.name} is in group ${r.group}; wgsam's kernels use group 0 only`)
      return { name: r.name, binding: r.binding, kind: kindOf(r) }
    })
    bindings.sort((a, b) => a.binding - b.binding)
    const struct = entry.resources.find((r) => r.resourceType === ResourceType.Uniform)?.type
    const uniform = struct && {
      size: struct.size,
      fields: Object.fromEntries(
        struct.members.map((m) => {
          const array = m.type.isArray ? m.type : null
          const element = array ? array.format : m.type
          const vector = /^vec([234])/.exec(element.name)
          const scalar = element.format?.name ?? (vector ? element.name.slice(-1) + '32' : element.name)
          const type = scalar.startsWith('f') ? 'f32' : scalar.startsWith('i') ? 'i32' : 'u32'
          const width = vector ? Number(vector[1]) : 1
          return [m.name, { offset: m.offset, type, width, count: array?.count ?? 1, stride: array?.stride ?? 0 }]
        }),
      ),
    }
    entries[entry.name] = { workgroup, bindings, uniform: uniform ?? null }
  }
  return { name, code, entries }
}

export const wgsl = () => ({
  name: 'wgsl',
  setup(build) {
    build.onLoad({ filter: /\.wgsl$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8')
      try {
        return { contents: `export default ${JSON.stringify(reflect(code, basename(path, '.wgsl')))}`, loader: 'js' }
      } catch (error) {
        return { errors: [{ text: `${basename(path)}: ${error.message ?? error}`, location: { file: path } }] }
      }
    })
  },
})
