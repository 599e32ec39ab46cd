/** @file The examples in docstrings and in docs/embedding.md compile, strictly, against the sources that they describe. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

interface Example {
  where: string
  code: string
}

/** What an example takes from the program around it. */
const AROUND = `import type * as wgsam from 'wgsam'
import type { ByteSource } from 'wgsam/web'
declare global {
  var model: wgsam.SamModel, engine: wgsam.Engine, architecture: wgsam.Architecture, device: GPUDevice
  var image: ImageData, imageData: ImageData, imageBitmap: ImageBitmap, canvas: HTMLCanvasElement
  var samples: wgsam.TrainingSample[], validationSamples: wgsam.TrainingSample[], labels: wgsam.LabelMap
  var width: number, height: number, uint16Labels: Uint16Array
  var signal: AbortSignal, url: string, input: { files: FileList }, files: FileList, cancelled: boolean
  var pauseButton: HTMLElement, link: HTMLAnchorElement
  var merged: import('wgsam/web').MergedWeights, source: ByteSource
  var show: (...what: (number | string | null)[]) => void, showNote: (text: string) => void
  var showProgress: (...progress: (number | string | null)[]) => void
  var showLoss: (step: number, loss: number, seconds: number | null) => void
  var store: (bytes: Uint8Array) => Promise<void>, save: (name: string, bytes: Uint8Array) => void
  var download: (blob: Blob, name: string) => void, draw: (mask: wgsam.Mask) => void
}
`

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

/** Imports of what an example uses and does not import. */
function imports({ code, where }: Example): string {
  const known = new Set<string>()
  for (const [, names] of code.matchAll(/import \{([^}]*)\}/g))
    for (const name of names.split(',')) known.add(name.trim())
  // the functions of a file are those of its own module first
  const modules = where.includes('file.ts') || where.includes('folder-cache') ? [MODULES[2], ...MODULES] : MODULES
  return modules
    .map(([module, source]) => {
      const used = exportsOf(source).filter(
        (name) => !known.has(name) && new RegExp(`\\b${name}\\b[(.<]|new ${name}\\b`).test(code),
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
