/** @file Checks what Dawn would accept and compute wrongly: variables in loops of shaders without an initial value. */
import { checkShaders } from './wgsl-loops.mjs'

const problems = checkShaders('shaders')
if (problems.length) {
  console.error(`${problems.join('\n')}\nThe reason is in scripts/wgsl-loops.mjs.`)
  process.exit(1)
}
console.log('shaders: every variable in a loop has an initial value')
