/**
 * @file Puts the shared texts of shaders/lib into a shader, and unrolls loops. WGSL has no includes, so the build replaces a
 * comment line
 *
 *     // use: gelu, lane-range
 *
 * by the texts of lib/gelu.wgsl and lib/lane-range.wgsl, indented as that line is. It does so wherever the line is: most
 * texts are declarations, some are members of a struct or statements of a function. A text may use others; each is put in
 * once, where it is used first.
 *
 * WGSL cannot ask for a loop to be unrolled either, and a driver that does not unroll one keeps the arrays that it indexes in
 * memory instead of registers. So the build unrolls a loop that follows the comment line
 *
 *     // unroll
 *     for (var i = 0u; i < 4u; i++) {
 *       sums[i] += a[i] * b;
 *     }
 *
 * into one block for each i, in which i is a constant. Without the comment the text is a loop that computes the same.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const USE = /^(\s*)\/\/ use:(.*)$/
const UNROLL = /^\s*\/\/ unroll$/
/** A loop of constant bounds: indentation, variable, start, end, step (empty: 1), and the body of a loop of one line. */
const LOOP = /^(\s*)for \(var (\w+) = (\w+); \2 < (\w+); \2(?:\+\+| \+= (\w+))\) \{(?: (.*) \})?$/
const CONSTANT = /^\s*const (\w+) = (\d+)u;/

/**
 * Reads the shader at `path` with all it uses from the folder `lib` beside it. `sources` says where its lines are from: see
 * Source in engine/device/shader.ts.
 * @throws where a text does not exist, uses itself, or is not named, or a loop cannot be unrolled; the message begins with
 * file and line.
 */
export function expand(path) {
  const lines = unrolled(include(path))
  const sources = []
  lines.forEach(({ file, at }, i) => {
    const last = sources.at(-1)
    if (last?.file !== file || last.offset !== at - i - 1) sources.push({ line: i + 1, file, offset: at - i - 1 })
  })
  return { code: `${lines.map(({ text }) => text).join('\n')}\n`, sources }
}

/** The lines of the shader at `path` and of the texts that it uses, each with its file and its number there. */
function include(path) {
  const lines = []
  const used = new Set()

  function append(file, indent, users) {
    const text = readFileSync(join(dirname(path), file), 'utf8')
      .trimEnd()
      .split('\n')
    text.forEach((line, i) => {
      const [use, inner, names] = USE.exec(line) ?? []
      if (use === undefined) {
        lines.push({ text: line && indent + line, file, at: i + 1 })
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
  return lines
}

/** The lines with the loops that follow `// unroll` unrolled. */
function unrolled(lines) {
  const constants = new Map()
  for (const { text } of lines) {
    const [, name, value] = CONSTANT.exec(text) ?? []
    if (name) constants.set(name, Number(value))
  }
  const out = []
  for (let i = 0; i < lines.length; i++) {
    if (!UNROLL.test(lines[i].text)) {
      out.push(lines[i])
      continue
    }
    const head = lines[++i]
    const fail = (message) => {
      throw new Error(`${lines[i - 1].file}:${lines[i - 1].at}: ${message}`)
    }
    const [loop, indent, name, start, end, step = '1u', only] = LOOP.exec(head?.text ?? '') ?? []
    if (loop === undefined) fail('"// unroll" must be followed by a loop "for (var i = 0u; i < 4u; i++) {"')
    const valueOf = (word) => {
      const value = /^\d+u$/.test(word) ? parseInt(word, 10) : constants.get(word)
      return value ?? fail(`${word} is neither a number nor a constant of this shader`)
    }
    const [first, last, by] = [valueOf(start), valueOf(end), valueOf(step)]
    let body = [{ ...head, text: `${indent}  ${only}` }]
    if (only === undefined) {
      const close = lines.findIndex(({ text }, at) => at > i && text === `${indent}}`)
      if (close < 0) fail('the loop to unroll does not end')
      body = unrolled(lines.slice(i + 1, close))
      i = close
    }
    if (body.some(({ text }) => /\b(break|continue)\b/.test(text.replace(/\/\/.*/, ''))))
      fail('a loop to unroll has neither break nor continue')
    for (let value = first; value < last; value += by) {
      out.push({ ...head, text: `${indent}{` }, { ...head, text: `${indent}  const ${name} = ${value}u;` })
      out.push(...body, { ...head, text: `${indent}}` })
    }
  }
  return out
}
