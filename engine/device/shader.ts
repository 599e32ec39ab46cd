/** @file Reflection data that the build reads from each .wgsl file (scripts/wgsl-plugin.mjs), and packing of its uniform struct. */

export type BindingKind = 'uniform' | 'read' | 'read_write'

export interface Binding {
  name: string
  binding: number
  kind: BindingKind
}

export interface UniformField {
  offset: number
  type: 'f32' | 'i32' | 'u32'
  /** 1 for scalars, 2 to 4 for vectors. */
  width: number
  /** Elements of an array member; 1 for others. */
  count: number
  /** Bytes between the elements of an array member; 0 for others. */
  stride: number
}

export interface EntryPoint {
  workgroup: [number, number, number]
  bindings: Binding[]
  uniform: { size: number; fields: Record<string, UniformField> } | null
}

/** Says of a shader's text that its lines from `line` (counted from 1) are those of `file`, `offset` lines further on. */
export interface Source {
  line: number
  /** In shaders/. */
  file: string
  offset: number
}

export interface Shader {
  name: string
  /** With the shared texts that it uses, from shaders/lib. */
  code: string
  /** In the order of their lines. */
  sources: Source[]
  entries: Record<string, EntryPoint>
}

/** The file and line in shaders/ that a line of a shader's text comes from. */
export function sourceOf({ name, sources }: Shader, line: number): string {
  const source = sources.filter((s) => s.line <= line).at(-1)
  return source ? `${source.file}:${line + source.offset}` : `${name}.wgsl:${line}`
}

export type UniformValue = number | readonly number[] | readonly (readonly number[])[]
export type UniformValues = Record<string, UniformValue>

/**
 * Writes `values` into the uniform struct of an entry point, at byte `base` of `into`. Every member must be given: a
 * forgotten parameter would read as 0 and produce plausible but wrong numbers.
 * @throws Error if a member is missing, unknown, has too many elements, or is no u32 where one is required
 */
export function packUniform(
  entry: EntryPoint,
  label: string,
  values: UniformValues,
  into: DataView,
  base: number,
): void {
  const fields = entry.uniform?.fields ?? {}
  for (const name of Object.keys(values)) {
    if (!fields[name]) throw new Error(`${label}: the shader has no parameter "${name}"`)
  }
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name]
    if (value === undefined) throw new Error(`${label}: parameter "${name}" is missing`)
    const rows = (field.count > 1 || field.stride ? value : [value]) as readonly (number | readonly number[])[]
    if (rows.length > field.count) throw new Error(`${label}: parameter "${name}" takes ${field.count} elements`)
    rows.forEach((row, i) => {
      const lanes = typeof row === 'number' ? [row] : row
      lanes.forEach((lane, j) => {
        const at = base + field.offset + i * field.stride + j * 4
        if (field.type === 'f32') into.setFloat32(at, lane, true)
        else if (field.type === 'i32') into.setInt32(at, lane, true)
        else {
          if (!Number.isInteger(lane) || lane < 0 || lane > 0xffffffff)
            throw new Error(`${label}: parameter "${name}" must be a whole number from 0, got ${lane}`)
          into.setUint32(at, lane, true)
        }
      })
    })
  }
}
