/** The engine bundled for a browser. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { build } from 'esbuild'
import { wgsl } from '../../scripts/wgsl-plugin.mjs'

const bundle = (contents: string) =>
  build({
    stdin: { contents, resolveDir: '.', loader: 'ts' },
    platform: 'browser',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
    plugins: [wgsl()],
  })

const { metafile, outputFiles } = await bundle("export * from './engine/index'")

test('the bundle contains only the engine’s own files and shaders', () => {
  const files = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>')
  assert.ok(files.length > 30)
  assert.equal(
    files.filter((path) => !/^(engine\/.*\.ts|shaders\/.*\.wgsl)$/.test(path)),
    [],
  )
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports)
  assert.equal(imports, [], 'no import is left for the host to resolve')
})

test('no API of Node is used', () => {
  const [{ text }] = outputFiles
  // shaders are strings and comments are removed, so a match would be code
  for (const node of [/\bnode:/, /\brequire\s*\(/, /\bprocess\s*[.[]/, /\bBuffer\s*[.(]/, /\b__dirname\b/])
    assert.not.match(text, node)
})

test('a Node import would fail this build', async () => {
  const error = await bundle("export * from './engine/index'; export * from 'node:fs'").then(
    () => null,
    (e: Error) => e,
  )
  assert.match(error?.message ?? '', 'node:fs')
})

test('the bundle loads without a GPU or a document', async () => {
  const module = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`)
  for (const name of [
    'Engine',
    'Graph',
    'Predictor',
    'SamModel',
    'TrainingStep',
    'ParameterSet',
    'loraLayers',
    'mergeLora',
  ])
    assert.type(module[name], 'function', name)
})

test.run()
