// Checks that dist/engine.js runs in any host: it imports nothing, and it loads in a context without Node's globals.
import { readFileSync } from 'node:fs'
import vm from 'node:vm'
import { build } from 'esbuild'

const file = 'dist/engine.js'
const { metafile } = await build({
  entryPoints: [file],
  bundle: true,
  platform: 'neutral',
  write: false,
  metafile: true,
})
const imports = Object.values(metafile.inputs).flatMap((i) => i.imports.map((x) => x.path))
if (imports.length)
  throw new Error(`${file} imports ${imports.join(', ')}: the engine must not import anything of its host`)

// a context has the language's own globals only: no process, Buffer, require, nor even console
const { outputFiles } = await build({
  entryPoints: [file],
  bundle: true,
  platform: 'neutral',
  format: 'iife',
  globalName: 'engine',
  write: false,
})
const context = vm.createContext({})
vm.runInContext(outputFiles[0].text, context, { filename: file })
const names = vm.runInContext('Object.keys(engine)', context)
if (!names.length) throw new Error(`${file} exports nothing`)
const kib = Math.round(readFileSync(file).length / 1024)
console.log(`${file}: ${kib} KiB, no imports, loads without a host; ${names.length} exports`)
