/**
 * @file The published package, as an empty project has it: `npm pack` of this tree, unpacked into node_modules. What it contains,
 * that it runs, and that its types compile with both ways in which TypeScript resolves modules.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { wgsl } from '../../scripts/wgsl-plugin.mjs'

const root = resolve('.')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const project = mkdtempSync(join(tmpdir(), 'wgsam-package-'))
const installed = join(project, 'node_modules', 'wgsam')

execFileSync(process.execPath, ['scripts/build-package.mjs'], { stdio: ['ignore', 'ignore', 'inherit'] })
const packing = spawnSync(npm, ['pack', '--ignore-scripts', '--json', '--pack-destination', project], {
  encoding: 'utf8',
  shell: process.platform === 'win32',
})
const [packed] = JSON.parse(packing.stdout) as [{ filename: string; size: number; files: { path: string }[] }]

/** Unpacks the ustar members of an npm archive, whose paths begin with `package/`. */
function unpack(archive: string, folder: string): void {
  const bytes = gunzipSync(readFileSync(archive))
  const field = (at: number, length: number) => bytes.toString('utf8', at, at + length).replace(/\0[^]*/, '')
  for (let at = 0; at + 512 <= bytes.length && bytes[at];) {
    const size = parseInt(field(at + 124, 12), 8)
    const path = join(folder, field(at, 100).replace(/^package\//, ''))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
}
unpack(join(project, packed.filename), installed)
writeFileSync(join(project, 'package.json'), '{ "type": "module" }')

const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
  'dependencies' | 'optionalDependencies',
  Record<string, string>
>

/** Makes this repository's packages available to the project. Their own dependencies are found through the links. */
function link(names: readonly string[]): void {
  for (const name of names) {
    const path = join(project, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), path, 'junction')
  }
}
link([...Object.keys(dependencies), '@types/node'])

/** Runs a module of the project. */
const run = (code: string, ...args: string[]) => {
  writeFileSync(join(project, 'main.mjs'), code)
  return spawnSync(process.execPath, ['main.mjs', ...args], { cwd: project, encoding: 'utf8' })
}

/** Type-checks a module of the project, declarations of packages included. */
function compile(code: string, resolution: 'bundler' | 'nodenext', types: string): string {
  writeFileSync(join(project, 'main.ts'), code)
  const module = resolution === 'bundler' ? 'esnext' : 'nodenext'
  const flags = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--lib', 'es2023,dom']
  const { stdout } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      ...[...flags, '--module', module, '--moduleResolution', resolution, '--types', types, 'main.ts'],
    ],
    { cwd: project, encoding: 'utf8' },
  )
  return stdout
}

test('it contains the program, the engine, the pages, declarations and notices, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path)
  for (const path of [
    'dist/cli.js',
    'dist/engine.js',
    'dist/node.js',
    'dist/web.js',
    'dist/worker.js',
    'dist/review/index.html',
  ])
    assert.ok(paths.includes(path), path)
  for (const path of ['README.md', 'LICENSE', 'package.json', 'dist/THIRD-PARTY-NOTICES.txt'])
    assert.ok(paths.includes(path), path)
  const allowed = /^(README\.md|LICENSE|CHANGELOG\.md|package\.json|dist\/(?!test\/).*\.(js|d\.ts|html|css|txt|json))$/
  assert.equal(
    paths.filter((path) => !allowed.test(path)),
    [],
  )
  assert.ok(packed.size < 3e6, `${packed.size} bytes`)
})

test('the notices contain the licence of every package that the pages bundle', async () => {
  const notices = readFileSync(join(installed, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8')
  const { metafile } = await build({
    entryPoints: ['src/review/page/main.tsx', 'src/web.ts'],
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'unused',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    plugins: [wgsl()],
  })
  const names = Object.keys(metafile.inputs).map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  const bundled = new Set(names.filter((name) => name !== undefined))
  assert.ok(bundled.has('preact') && bundled.has('valibot'))
  for (const name of bundled) assert.match(notices, new RegExp(`^${name} \\d`, 'm'))
})

test('without the optional packages the engine loads, and the program says what is missing', () => {
  const engine = run(
    "import { Engine } from 'wgsam'; import { openWeights } from 'wgsam/web'; console.log(typeof Engine, typeof openWeights)",
  )
  assert.is(engine.stdout, 'function function\n', engine.stderr)
  const cli = spawnSync(process.execPath, [join(installed, 'dist/cli.js'), 'synth', '--out', join(project, 'x')], {
    encoding: 'utf8',
  })
  assert.is(cli.status, 1)
  assert.match(cli.stderr, 'wgsam: the package sharp is not installed')
  assert.not.match(cli.stderr, /^ +at /m)
})

test('with them the command line runs, and wgsam/node reads what it wrote', () => {
  link(Object.keys(optionalDependencies))
  const scenes = join(project, 'scenes')
  const synth = spawnSync(
    process.execPath,
    [join(installed, 'dist/cli.js'), 'synth', '--out', scenes, '--count', '1', '--size', '96', '--seed', '1'],
    { encoding: 'utf8' },
  )
  assert.is(synth.status, 0, synth.stderr)
  const read = run(
    `import { openDataset, readLabels, UserError } from 'wgsam/node'
     const { items } = await openDataset(process.argv[2])
     const labels = await readLabels(items[0].labels.path)
     const refused = await openDataset('nothing').catch((error) => error)
     console.log(items.length, labels.width, refused instanceof UserError)`,
    scenes,
  )
  assert.is(read.stdout, '1 96 true\n', read.stderr)
})

for (const resolution of ['bundler', 'nodenext'] as const) {
  // an @ts-expect-error fails where the type is any, as it is if a declaration cannot be found
  test(`the engine's types compile with moduleResolution ${resolution}, strictly`, () => {
    const code = `import { Engine, Predictor, SamModel, type Prediction } from 'wgsam'
      import { openWeights } from 'wgsam/web'
      export async function predict(device: GPUDevice, file: File): Promise<Prediction> {
        const { weights, architecture } = await openWeights(file)
        const model = await SamModel.load(new Engine(device), weights, architecture, { inputSize: 1024 })
        const predictor: Predictor = await Predictor.create(model)
        // @ts-expect-error a number is no image
        predictor.setImage(3)
        return predictor.predict({ coords: new Float32Array(6), labels: new Int32Array(3) })
      }`
    assert.is(compile(code, resolution, ''), '')
  })

  test(`the types of wgsam/node compile with moduleResolution ${resolution}, strictly`, () => {
    const code = `import { openEngine, readMicrograph, runFolder, train, type TrainSummary } from 'wgsam/node'
      export async function steps(): Promise<number> {
        const micrograph = await readMicrograph('a.tif')
        // @ts-expect-error it has no such member
        micrograph.nothing
        const run = runFolder('run')
        const summary: TrainSummary = await train({ engine: await openEngine(), config: {} as never, run })
        return summary.steps
      }`
    assert.is(compile(code, resolution, 'node'), '')
  })
}

test('a bundler leaves out what is not imported', async () => {
  const size = async (names: string) => {
    const { outputFiles } = await build({
      stdin: { contents: `export { ${names} } from 'wgsam'`, resolveDir: project },
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      write: false,
    })
    return outputFiles[0].contents.length
  }
  const all = statSync(join(installed, 'dist/engine.js')).size
  assert.ok((await size('promptLabel')) < 5_000, 'a table of labels brings no shader with it')
  assert.ok((await size('Engine')) < 30_000)
  assert.ok((await size('Predictor, SamModel')) < 0.7 * all)
})

test('the shaders in it have no comments', () => {
  const text = readFileSync(join(installed, 'dist/engine.js'), 'utf8')
  const shaders = [...text.matchAll(/"code": (["'`])((?:(?!\1)[^\\]|\\.)*)\1/gs)].map(([, , code]) => code)
  assert.ok(shaders.length > 30)
  assert.ok(shaders.some((code) => code.includes('fn ')))
  for (const code of shaders) assert.not.match(code, /\/[/*]/)
  assert.ok(readdirSync(join(installed, 'dist')).every((name) => !name.endsWith('.map')))
})

test.run()
