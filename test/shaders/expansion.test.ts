/** The lines `// use: ...` of shaders: what they become, what is refused, and where an error of a shared text is said to be. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sourceOf } from '../../engine/device/shader'
import { expand } from '../../scripts/wgsl-expand.mjs'
import { loadShader } from '../../scripts/wgsl-plugin.mjs'

const folders: string[] = []

/** The path of a shader, beside a folder with the shared texts that it may use. */
function shader(code: string, shared: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'wgsl-'))
  folders.push(folder)
  mkdirSync(join(folder, 'lib'))
  for (const [name, text] of Object.entries(shared)) writeFileSync(join(folder, 'lib', `${name}.wgsl`), text)
  const path = join(folder, 'main.wgsl')
  writeFileSync(path, code)
  return path
}

const linesOf = (path: string) => expand(path).code.split('\n').slice(0, -1)

test('a text replaces the line that uses it, with its comments, indented as the line is', () => {
  const path = shader('// header\nfn f() {\n  // use: one\n  x();\n}\n', { one: '// why\na();\n\nb();\n' })
  assert.equal(linesOf(path), ['// header', 'fn f() {', '  // why', '  a();', '', '  b();', '  x();', '}'])
})

test('texts are put in once, where they are used first, with those that they use themselves', () => {
  const shared = { one: 'one', two: '// use: one\ntwo', three: '// use: two, one\nthree' }
  assert.equal(linesOf(shader('// use: three, two\nmain\n// use: one\n', shared)), ['one', 'two', 'three', 'main'])
})

test('a text that does not exist is refused, with file and line', () => {
  assert.throws(() => expand(shader('a\n// use: nowhere\n')), /^main\.wgsl:2: there is no lib\/nowhere\.wgsl to use$/)
  const nested = shader('// use: one\n', { one: '// why\n\n// use: two' })
  assert.throws(() => expand(nested), /^lib\/one\.wgsl:3: there is no lib\/two\.wgsl to use$/)
  assert.throws(() => expand(shader('// use:\n')), /^main\.wgsl:1: there is no lib\/\.wgsl to use$/)
})

test('a text that uses itself is refused, with the way round', () => {
  const path = shader('// use: one\n', { one: '// use: two', two: '\n// use: one' })
  assert.throws(
    () => expand(path),
    /^lib\/two\.wgsl:2: lib\/one\.wgsl uses itself: lib\/one\.wgsl > lib\/two\.wgsl > lib\/one\.wgsl$/,
  )
})

test('every line is known by the file that it is from', () => {
  const one = '// why\nfn one() {}\n// use: two\nfn end() {}\n'
  const main = 'enable f16;\n// use: one\n\n@compute @workgroup_size(64)\nfn main() {}\n'
  const loaded = loadShader(shader(main, { one, two: 'fn two() {}' }))
  const all = loaded.code.split('\n').slice(0, -1)
  const places = all.map((_, i) => sourceOf(loaded, i + 1))
  assert.equal(
    places,
    ['main:1', 'lib/one:1', 'lib/one:2', 'lib/two:1', 'lib/one:4', 'main:3', 'main:4', 'main:5'].map((place) =>
      place.replace(':', '.wgsl:'),
    ),
  )
})

test('a shared text that does not parse is named, with its line', () => {
  const path = shader('// use: one\n@compute @workgroup_size(64)\nfn main() {}\n', { one: '// why\n\nfn f( {\n' })
  assert.throws(() => loadShader(path), /^lib\/one\.wgsl:3: Expected argument name$/)
})

test.after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))
test.run()
