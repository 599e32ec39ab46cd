/** @file The examples in docstrings and in docs/embedding.md compile, strictly, against the sources that they describe. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

interface Example {
  where: string
  code: string
}

/** What an example takes from the program around it. */
const AROUND = `import type * as wgsam from 'wgsam'
import type { ByteSource } from 'wgsam/web'
declare global {
  var model: wgsam.SamModel, engine: wgsam.Engine, architecture: wgsam.Architecture, device: GPUDevice
  var adapter: GPUAdapter, segmenter: wgsam.Segmenter, predictor: wgsam.Predictor, promptBatch: wgsam.PromptBatch
  var weights: wgsam.WeightSource, rgb: Uint8Array, rgbImage: wgsam.RgbImage, bytes: Uint8Array
  var mask: wgsam.Mask, masks: wgsam.Mask[], items: import('wgsam/node').DatasetItem[]
  var program: wgsam.Program, pixels: wgsam.Tensor, sizes: wgsam.Tensor, embedding: wgsam.Tensor
  var parameters: wgsam.ParameterSet, batch: wgsam.MicroBatch, config: wgsam.StepConfig
  var differenceOf: (part: string) => Float32Array
  var image: ImageData, imageData: ImageData, imageBitmap: ImageBitmap, canvas: HTMLCanvasElement
  var samples: wgsam.TrainingSample[], validationSamples: wgsam.TrainingSample[], labels: wgsam.LabelMap
  var width: number, height: number, uint16Labels: Uint16Array
  var signal: AbortSignal, url: string, input: { files: FileList }, files: FileList, cancelled: boolean
  var texture: GPUTexture, pauseButton: HTMLElement, link: HTMLAnchorElement
  var merged: import('wgsam/web').MergedWeights, source: ByteSource
  var show: (...what: (number | string | null)[]) => void, showNote: (text: string) => void
  var showProgress: (...progress: (number | string | null)[]) => void
  var showLoss: (step: number, loss: number, seconds: number | null) => void
  var store: (bytes: Uint8Array) => Promise<void>, save: (name: string, bytes: Uint8Array) => void
  var download: (blob: Blob, name: string) => void, draw: (mask: wgsam.Mask) => void
}
`

/** Files that export functions or classes to other programs, with the names. */
function exportedNames(source: string): [file: string, name: string][] {
  const text = readFileSync(source, 'utf8')
  return [...text.matchAll(/^export \{([^}]*)\} from '([^']+)'/gm)].flatMap(([, names, from]) => {
    const path = join(dirname(source), from)
    const file = [`${path}.ts`, join(path, 'index.ts')].find((one) => existsSync(one))!
    return names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name && !name.startsWith('type '))
      .map((name): [string, string] => [file, name])
  })
}

/** The docstring of an exported function or class, from the file that declares it; null for other exports. */
function docstringOf(file: string, name: string): string | null {
  const text = readFileSync(file, 'utf8')
  const passed = new RegExp(`^export \\{[^}]*\\b${name}\\b[^}]*\\} from '([^']+)'`, 'm').exec(text)
  if (passed) return docstringOf(`${join(dirname(file), passed[1])}.ts`, name)
  const kind = `(?:(?:async )?function|class) ${name}\\b|const ${name}\\b.*=>`
  const declared = new RegExp(`^export (?:${kind})`, 'm').exec(text)
  if (!declared) return null
  const before = text.slice(0, declared.index).trimEnd()
  return before.endsWith('*/') ? before.slice(before.lastIndexOf('/**')) : ''
}

/** The examples in docstrings; what they use of the package they import. */
function docstringExamples(): Example[] {
  const files = ['engine', 'src'].flatMap((top) =>
    readdirSync(top, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(top, file)),
  )
  return files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/@example\n((?:[ \t]*\*(?!\/)[^\n]*\n)+)/g)].map(([, lines], i) => {
      const text = lines.replace(/^[ \t]*\* ?/gm, '')
      return { where: `${file}, example ${i + 1}`, code: text.replace(/^@(?!example)\w[^]*/m, '') }
    }),
  )
}

const guideExamples = (): Example[] =>
  [...readFileSync('docs/embedding.md', 'utf8').matchAll(/```js\n([^]*?)```/g)].map(([, code], i) => ({
    where: `docs/embedding.md, example ${i + 1}`,
    code,
  }))

/** Names that a module exports as values. */
function exportsOf(source: string): string[] {
  const text = readFileSync(source, 'utf8').replace(/export type \{[^}]*\}/g, '')
  return [...text.matchAll(/export \{([^}]*)\}/g)].flatMap(([, names]) =>
    names.split(',').flatMap((name) => (/^\s*type /.test(name) || !name.trim() ? [] : [name.trim()])),
  )
}

const MODULES: [name: string, source: string][] = [
  ['wgsam', 'engine/index.ts'],
  ['wgsam/web', 'src/web.ts'],
  ['wgsam/node', 'src/node.ts'],
]

/** Files whose exports are those of wgsam/node. */
const nodeFiles = new Set(
  [...readFileSync('src/node.ts', 'utf8').matchAll(/^export \{[^}]*\} from '\.\/([^']+)'/gm)].map(
    ([, from]) => `src/${from}.ts`,
  ),
)

/** Imports of what an example uses and does not import. */
function imports({ code, where }: Example): string {
  const known = new Set<string>()
  for (const [, names] of code.matchAll(/import \{([^}]*)\}/g))
    for (const name of names.split(',')) known.add(name.trim())
  // the functions of a file are those of its own module first
  const modules = nodeFiles.has(where.split(',')[0]) ? [MODULES[2], ...MODULES] : MODULES
  return modules
    .map(([module, source]) => {
      const used = exportsOf(source).filter(
        (name) =>
          !known.has(name) && new RegExp(`\\b${name}\\b[(.<]|(new|instanceof|[,(:?]|\\.{3}) ?${name}\\b`).test(code),
      )
      used.forEach((name) => known.add(name))
      return used.length ? `import { ${used.join(', ')} } from '${module}'\n` : ''
    })
    .join('')
}

function compile(examples: readonly Example[]): string {
  const folder = resolve('.cache/examples')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'around.d.ts'), AROUND)
  examples.forEach((example, i) => {
    writeFileSync(join(folder, `example-${i}.ts`), `${imports(example)}${example.code}\nexport {}\n`)
  })
  const paths = Object.fromEntries(MODULES.map(([name, source]) => [name, [resolve(source)]]))
  const compilerOptions = {
    ...{ paths, lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: ['node'], skipLibCheck: true },
    ...{ noUnusedLocals: false, noUnusedParameters: false },
  }
  const include = ['*.ts', '../../engine/device/wgsl.d.ts', '../../src/**/*.d.ts']
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include, exclude: [] })) // prettier-ignore
  const { stdout } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', folder], {
    encoding: 'utf8',
  })
  return stdout.replace(/[^\s(]*example-(\d+)\.ts/g, (_, i) => examples[Number(i)].where)
}

test('every function and every class that is exported has an example', () => {
  const exported = MODULES.flatMap(([, source]) => exportedNames(source))
  const documented = exported.flatMap(([file, name]) => {
    const doc = docstringOf(file, name)
    return doc === null ? [] : [{ name: `${file}: ${name}`, has: doc.includes('@example') }]
  })
  assert.ok(documented.length > 80, `${documented.length}`)
  assert.equal(documented.filter(({ has }) => !has).map(({ name }) => name), []) // prettier-ignore
})

test('every example compiles; one that does not fit is noticed', () => {
  const examples = [...docstringExamples(), ...guideExamples()]
  assert.ok(examples.length > 20, `${examples.length}`)
  const wrong = { where: 'a wrong example', code: 'const { mask } = await generate(model, canvas)' }
  const [noticed, ...others] = compile([wrong, ...examples])
    .trim()
    .split('\n')
  assert.match(noticed, /^a wrong example\(\d+,\d+\): error TS2339: Property 'mask'/)
  assert.equal(others, [])
})

test.run()
