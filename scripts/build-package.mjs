// Completes dist/ for publishing, after build.mjs: type declarations of the two entry points and the notices of the packages
// that are bundled into dist/. `npm pack` runs it (see "prepack" in package.json).
// usage: node scripts/build-package.mjs
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const types = 'dist/types'

/**
 * Emits a declaration file for each source file that the entry points use. Relative imports get their full file names, which
 * `moduleResolution: nodenext` requires and `bundler` accepts.
 */
function buildTypes() {
  rmSync(types, { recursive: true, force: true })
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('the type declarations could not be built')
  const files = readdirSync(types, { recursive: true }).filter((file) => file.endsWith('.d.ts'))
  for (const file of files.map((name) => join(types, name))) {
    const fullName = (specifier) => {
      const base = resolve(dirname(file), specifier)
      if (specifier.endsWith('.json')) return specifier
      const end = ['', '/index'].find((ending) => existsSync(`${base}${ending}.d.ts`))
      if (end === undefined) throw new Error(`${file} imports ${specifier}, which has no declarations`)
      return `${specifier}${end}.js`
    }
    const text = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      text.replace(/(\bfrom |\bimport\()(['"])(\.[^'"]*)\2/g, (_, before, quote, specifier) =>
        [before, quote, fullName(specifier), quote].join(''),
      ),
    )
  }
  return files.length
}

/** Writes the licences of the packages whose code is bundled: that of the pages, and of dist/web.js. */
function buildNotices() {
  const bundled = ['preact', '@preact/signals', '@preact/signals-core', 'valibot']
  const notices = bundled.map((name) => {
    const folder = join('node_modules', name)
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((one) => /^licen[cs]e(\.|$)/i.test(one))
    if (!file) throw new Error(`${name} has no licence file`)
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  const head =
    'The pages in dist/ and dist/web.js contain code of these packages. All other packages are installed beside wgsam.\n'
  writeFileSync('dist/THIRD-PARTY-NOTICES.txt', [head, ...notices].join(`\n${'-'.repeat(80)}\n\n`))
}

const count = buildTypes()
buildNotices()
console.error(`dist/types: ${count} declaration files; dist/THIRD-PARTY-NOTICES.txt`)
