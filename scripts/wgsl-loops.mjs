/**
 * @file Finds `var x: T;` inside a loop of a shader. By WGSL's rules x is zero in every round; Dawn, the WebGPU of Node and
 * Chromium, sets it to zero only in the first one (measured with webgpu 0.6.2), so sums continue from the round before.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expand } from './wgsl-expand.mjs'

/** Words, numbers, and every other character that is no space. */
const TOKEN = /[A-Za-z_]\w*|\d[\w.]*|[=!<>]=|\S/g

/** Blanks comments and keeps the lines. */
const withoutComments = (code) => code.replace(/\/\/.*|\/\*[^]*?\*\//g, (text) => text.replace(/[^\n]/g, ' '))

/** The lines (from 1) and names of variables that are declared in a loop without an initial value. Does not need code that parses. */
export function uninitialisedInLoops(code) {
  const tokens = []
  withoutComments(code)
    .split('\n')
    .forEach((text, i) => tokens.push(...Array.from(text.matchAll(TOKEN), ([word]) => ({ word, line: i + 1 }))))
  const found = []
  /** For each open block, whether it is the body of a loop. */
  const blocks = []
  let parentheses = 0
  let loopBegins = false
  tokens.forEach(({ word, line }, i) => {
    if (word === 'for' || word === 'while' || word === 'loop') loopBegins = true
    if (word === '(') parentheses++
    if (word === ')') parentheses--
    if (word === '{' && !parentheses) {
      blocks.push(loopBegins)
      loopBegins = false
    }
    if (word === '}') blocks.pop()
    if (word !== 'var' || !blocks.includes(true)) return
    const end = tokens.findIndex((token, at) => at > i && token.word === ';')
    const declaration = tokens.slice(i + 1, end)
    if (declaration.some((token) => token.word === '=')) return
    // what may stand before the name is an address space: var<function>
    const name = declaration.filter((token) => /^[A-Za-z_]/.test(token.word) && token.word !== 'function')[0]?.word
    found.push({ line, name })
  })
  return found
}

/** A sentence for each such variable of the shaders in a folder, with file and line. A shared text counts where it is used. */
export function checkShaders(folder) {
  const problems = new Set()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.wgsl'))) {
    const { code, sources } = expand(join(folder, file))
    for (const { line, name } of uninitialisedInLoops(code)) {
      const source = sources.filter((s) => s.line <= line).at(-1)
      problems.add(
        `${source.file}:${line + source.offset}: ${name} is declared in a loop without an initial value, so it keeps that of the round before`,
      )
    }
  }
  return [...problems]
}
