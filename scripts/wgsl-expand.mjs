/**
 * @file Puts the shared texts of shaders/lib into a shader. WGSL has no includes, so the build replaces a comment line
 *
 *     // use: gelu, lane-range
 *
 * by the texts of lib/gelu.wgsl and lib/lane-range.wgsl, indented as that line is. It does so wherever the line is: most
 * texts are declarations, some are members of a struct or statements of a function. A text may use others; each is put in
 * once, where it is used first.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const USE = /^(\s*)\/\/ use:(.*)$/

/**
 * Reads the shader at `path` with all it uses from the folder `lib` beside it. `sources` says where its lines are from: see
 * Source in engine/device/shader.ts.
 * @throws where a text does not exist, uses itself, or is not named; the message begins with file and line.
 */
export function expand(path) {
  const lines = []
  const sources = []
  const used = new Set()

  function append(file, indent, users) {
    const text = readFileSync(join(dirname(path), file), 'utf8')
      .trimEnd()
      .split('\n')
    text.forEach((line, i) => {
      const [use, inner, names] = USE.exec(line) ?? []
      if (use === undefined) {
        const { file: last, offset } = sources.at(-1) ?? {}
        if (last !== file || offset !== i - lines.length)
          sources.push({ line: lines.length + 1, file, offset: i - lines.length })
        lines.push(line && indent + line)
        return
      }
      for (const name of names.split(',').map((one) => one.trim())) {
        const fail = (message) => {
          throw new Error(`${file}:${i + 1}: ${message}`)
        }
        const next = `lib/${name}.wgsl`
        if (!existsSync(join(dirname(path), next))) fail(`there is no ${next} to use`)
        if (users.includes(next))
          fail(`${next} uses itself: ${[...users.slice(users.indexOf(next)), next].join(' > ')}`)
        if (used.has(next)) continue
        used.add(next)
        append(next, indent + inner, [...users, next])
      }
    })
  }

  append(basename(path), '', [])
  return { code: `${lines.join('\n')}\n`, sources }
}
