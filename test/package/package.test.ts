/**
 * @file The published package, as an empty project has it: `npm pack` of this tree, unpacked into node_modules. What it contains,
 * that it runs, and that its types compile with both ways in which TypeScript resolves modules.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { wgsl } from '../../scripts/wgsl-plugin.mjs'

const root = resolve('.')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const project = mkdtempSync(join(tmpdir(), 'wgsam-package-'))
const installed = join(project, 'node_modules', 'wgsam')

execFileSync(process.execPath, ['scripts/playground.mjs', '--build'], { stdio: ['ignore', 'ignore', 'inherit'] })
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
    'dist/start/index.html',
    'dist/playground/index.html',
    'dist/playground/worker.js',
  ])
    assert.ok(paths.includes(path), path)
  for (const path of ['README.md', 'LICENSE', 'package.json', 'dist/THIRD-PARTY-NOTICES.txt'])
    assert.ok(paths.includes(path), path)
  for (const path of ['docs/embedding.md', 'docs/api/engine.md', 'examples/page/index.html'])
    assert.ok(paths.includes(path), path)
  const allowed =
    /^((README|CHANGELOG)\.md|LICENSE|package\.json|docs\/.*\.md|examples\/.*|dist\/(?!test\/).*\.(js|d\.ts|html|css|txt|json))$/
  assert.equal(
    paths.filter((path) => !allowed.test(path)),
    [],
  )
  assert.ok(packed.size < 3e6, `${packed.size} bytes`)
})

test('the notices contain the licence of every package that the pages bundle', async () => {
  const notices = readFileSync(join(installed, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8')
  const { metafile } = await build({
    entryPoints: [
      'review/page/main.tsx',
      'start/page/main.tsx',
      'playground/page/main.tsx',
      'playground/worker/main.ts',
      'web.ts',
    ].map((file) => `src/${file}`),
    bundle: true,
    format: 'esm',
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
    const code = `import {
        attachAdapter, Engine, generate, planTraining, Predictor, SamModel, Segmenter, SupersededError, train, Trainer,
        type GeneratedMask, type Prediction, type TrainingSample, type TrainResult,
      } from 'wgsam'
      import { adapterFiles, mergeAdapter, openAdapter, openWeights, weightsFile, type AdapterProfile } from 'wgsam/web'
      export async function predict(device: GPUDevice, file: File): Promise<Prediction> {
        const { weights, architecture } = await openWeights(file)
        const model = await SamModel.load(new Engine(device), weights, architecture, { inputSize: 1024 })
        const predictor: Predictor = await Predictor.create(model)
        // @ts-expect-error a number is no image
        predictor.setImage(3)
        return predictor.predict({ coords: new Float32Array(6), labels: new Int32Array(3) })
      }
      export async function click(model: SamModel, canvas: HTMLCanvasElement, texture: GPUTexture): Promise<number> {
        const segmenter = await Segmenter.create(model)
        await segmenter.segment(texture, { box: [1, 2, 30, 40] }, { latest: true }).catch((error: unknown) => {
          if (!(error instanceof SupersededError)) throw error
        })
        const [{ mask, predictedIou }] = await segmenter.segment(canvas, { points: [{ x: 3, y: 4 }] })
        // @ts-expect-error a mask is an object
        mask.toFixed()
        return predictedIou
      }
      export async function tune(model: SamModel, samples: TrainingSample[], earlier: File[]): Promise<GeneratedMask[]> {
        const { microBatch, recompute, total } = await planTraining({ architecture: model.architecture, rank: 8 })
        const from = await openAdapter(earlier, { architecture: model.architecture })
        const settings = { lora: { rank: 8 }, microBatch, recompute, synthetic: 0.2, from } as const
        // @ts-expect-error a step has no such member
        const trainer = await Trainer.create(model, samples, { onStep: ({ nothing }) => nothing })
        trainer.destroy()
        const result: TrainResult = await train(model, samples, { ...settings, onStep: ({ loss }) => console.log(loss, total) })
        const profile: AdapterProfile = result.profile
        await attachAdapter(model, result.adapter, result.head)
        const files: Record<string, Uint8Array> = await adapterFiles(result)
        const merged = mergeAdapter(await openWeights(new Uint8Array(8)), await openAdapter(files))
        const blob: Blob = await weightsFile(merged)
        return (await generate(model, new ImageData(blob.size, 1), { profile })).masks
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

test('a bundler leaves out what is not imported: shaders by their names', async () => {
  const shadersWith = async (names: string) => {
    const { outputFiles } = await build({
      stdin: { contents: `export { ${names} } from 'wgsam'`, resolveDir: project },
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      write: false,
    })
    const { text } = outputFiles[0]
    const shaders = [...text.matchAll(/\bname"?: "([\w-]+)",\s*"?code"?:/g)].map(([, name]) => name)
    assert.is(text.includes('@compute'), shaders.length > 0, 'no shader is without a name')
    return shaders
  }
  for (const names of ['promptLabel', 'encodeMask, decodeMask', 'Rng, defaultRecipe, labelMap', 'Engine'])
    assert.equal(await shadersWith(names), [], names)
  const predicting = await shadersWith('Predictor, SamModel')
  assert.ok(predicting.includes('gemm-shared') && predicting.includes('upscale'))
  const ofTraining = ['adam', 'mask-loss', 'iou-loss', 'head-loss']
  const ofGenerator = ['mask-rounds', 'mask-overlap']
  assert.equal(predicting.filter((name) => [...ofTraining, ...ofGenerator].includes(name)), []) // prettier-ignore
  const generating = await shadersWith('generate, SamModel')
  assert.ok(ofGenerator.every((name) => generating.includes(name)))
  assert.equal(generating.filter((name) => ofTraining.includes(name)), []) // prettier-ignore
  const training = await shadersWith('train, SamModel')
  assert.ok(ofTraining.every((name) => training.includes(name)))
})

test('wgsam playground serves the page that is in it, and its worker', async () => {
  const server = spawn(process.execPath, [join(installed, 'dist/cli.js'), 'playground', '--no-open', '--port', '0'])
  try {
    const address = await new Promise<string>((found, fail) => {
      let said = ''
      const hear = (text: Buffer) => {
        said += text
        const url = /http:\/\/localhost:\d+\//.exec(said)?.[0]
        if (url) found(url)
      }
      server.stdout.on('data', hear)
      server.stderr.on('data', hear)
      server.on('exit', () => fail(new Error(said)))
    })
    const page = await (await fetch(address)).text()
    const script = /<script[^>]* src="([^"]+)"/.exec(page)![1]
    for (const [name, type] of [
      [script, 'text/javascript'],
      ['worker.js', 'text/javascript'],
      ['main.css', 'text/css'],
    ]) {
      const response = await fetch(new URL(name, address))
      assert.is(response.status, 200, name)
      assert.ok(response.headers.get('content-type')!.startsWith(type))
      assert.ok((await response.text()).length > 1000)
    }
    assert.is((await fetch(new URL('nothing.js', address))).status, 404)
  } finally {
    server.kill()
  }
})

test('the shaders in it have no comments', () => {
  const text = readFileSync(join(installed, 'dist/engine.js'), 'utf8')
  const shaders = [...text.matchAll(/\bcode"?: (["'`])((?:(?!\1)[^\\]|\\.)*)\1/gs)].map(([, , code]) => code)
  assert.ok(shaders.length > 30)
  assert.ok(shaders.some((code) => code.includes('fn ')))
  for (const code of shaders) assert.not.match(code, /\/[/*]/)
  assert.ok(readdirSync(join(installed, 'dist')).every((name) => !name.endsWith('.map')))
})

test.run()
