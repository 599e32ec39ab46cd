// Writes docs/api/: the reference of the package's three modules, from their declarations and docstrings. A public export without a
// docstring is an error.
// usage: node scripts/build-api.mjs [--check]   (--check: only say whether docs/api is up to date)
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { format, resolveConfig } from 'prettier'

const TYPES = join('.cache', 'api-types')
const OUT = join('docs', 'api')
const MODULES = [
  { name: 'wgsam', source: 'engine/index', page: 'engine.md' },
  { name: 'wgsam/web', source: 'src/web', page: 'web.md' },
  { name: 'wgsam/node', source: 'src/node', page: 'node.md' },
]

const DECLARATION = /^export (?:declare )?(?:abstract )?(class|interface|type|const|function|enum) (\w+)/

/** The declarations of a file by name: their docstring and their text without it. */
const cache = new Map()
function declarationsOf(file) {
  if (cache.has(file)) return cache.get(file)
  const lines = readFileSync(join(TYPES, `${file}.d.ts`), 'utf8').split('\n')
  const found = new Map()
  let doc = null
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].startsWith('/**')) {
      const from = i
      while (!lines[i].includes('*/')) i++
      doc = lines.slice(from, i + 1).join('\n')
      continue
    }
    const match = DECLARATION.exec(lines[i])
    if (match) {
      const from = i
      const open = (text) => (text.match(/[{([]/g) ?? []).length - (text.match(/[})\]]/g) ?? []).length
      const code = () =>
        lines
          .slice(from, i + 1)
          .join('\n')
          .replace(/\/\*\*[^]*?\*\//g, '')
      while (open(code()) > 0 || !/[;}]$/.test(lines[i])) i++
      const text = lines.slice(from, i + 1).join('\n')
      const earlier = found.get(match[2])
      // overloads, and a type beside a value of the same name
      found.set(match[2], earlier ? { doc: earlier.doc ?? doc, text: `${earlier.text}\n${text}` } : { doc, text })
    }
    if (lines[i].trim()) doc = null
  }
  cache.set(file, found)
  return found
}

const indexOf = (file) => (existsSync(join(TYPES, `${file}.d.ts`)) ? file : `${file}/index`)

/** The declaration of a name that a file exports itself or passes on. */
function find(file, name) {
  const own = declarationsOf(file).get(name)
  if (own) return own
  const text = readFileSync(join(TYPES, `${file}.d.ts`), 'utf8')
  for (const [, names, from] of text.matchAll(/export (?:type )?\{([^}]*)\} from '([^']+)'/g))
    if (namesIn(names).includes(name)) return find(indexOf(posix.join(posix.dirname(file), from)), name)
  throw new Error(`${file} exports ${name}, whose declaration was not found`)
}

const namesIn = (list) =>
  list
    .split(',')
    .map((one) => one.replace(/\btype\b/, '').trim())
    .filter(Boolean)

/** The exports of a module with the headings that the comments in its source are. */
function exportsOf(source) {
  const sections = [{ title: '', names: [] }]
  const text = readFileSync(`${source}.ts`, 'utf8')
  const parts =
    /^\/\/ (.+)$|^export (?:type )?\{([^}]*)\} from '([^']+)'|^export (?:async )?(?:interface|function|class|const|type) (\w+)/gm
  for (const [, title, names, from, own] of text.matchAll(parts)) {
    if (title) sections.push({ title: title[0].toUpperCase() + title.slice(1), names: [] })
    else if (own) sections.at(-1).names.push({ name: own, file: source })
    else
      for (const name of namesIn(names))
        sections.at(-1).names.push({ name, file: indexOf(posix.join(posix.dirname(source), from)) })
  }
  return sections.filter((section) => section.names.length)
}

/** A docstring as Markdown: its text, then parameters, results and errors as a list, then the example. */
function prose(doc) {
  const text = doc
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
  const [body, ...tags] = text.split(/^@/m)
  const list = []
  const examples = []
  for (const tag of tags) {
    const [, kind, rest] = /^(\w+)\s*([^]*)$/.exec(tag)
    const flat = rest.trim().replace(/\s*\n\s*/g, ' ')
    if (kind === 'example') examples.push(`\`\`\`js\n${rest.trim()}\n\`\`\``)
    else if (kind === 'param') list.push(`- ${flat.replace(/^([\w.]+)\s*/, '`$1`: ')}`)
    else list.push(`- ${kind}: ${flat}`)
  }
  return [body.trim(), list.join('\n'), ...examples].filter(Boolean).join('\n\n')
}

/** A declaration without what is private. */
const publicPart = (text) =>
  text
    .replace(/^ {4}(?:\/\*\*(?:(?!\*\/)[^])*\*\/\s+)?private (?:static )?(?:readonly )?[^\n]*\n/gm, '')
    .replace(/^export (declare )?/gm, '')

function page({ name, source }) {
  const missing = []
  const seen = new Set()
  const head = prose(/\/\*\*\s*\n?[^]*?\*\//.exec(readFileSync(`${source}.ts`, 'utf8'))[0].replace(/@file /, ''))
  const parts = [`# ${name}`, '<!-- made by `npm run docs:api` from the docstrings -->', head]
  for (const { title, names } of exportsOf(source)) {
    if (title) parts.push(`## ${title}`)
    for (const { name: one, file } of names) {
      const { doc, text } = find(file, one)
      // an example alone does not say what something is
      if (!doc || /^\/\*\*\s*\*?\s*@/.test(doc)) missing.push(`${file}.ts: ${one}`)
      seen.add(one)
      parts.push(`### ${one}`, doc ? prose(doc) : '', `\`\`\`ts\n${publicPart(text).trim()}\n\`\`\``)
    }
  }
  return { text: `${parts.filter(Boolean).join('\n\n')}\n`, missing, count: seen.size }
}

const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json', '--outDir', TYPES]
rmSync(TYPES, { recursive: true, force: true })
if (spawnSync(process.execPath, tsc, { stdio: 'inherit' }).status !== 0) process.exit(1)

const problems = []
let total = 0
for (const one of MODULES) {
  const { text, missing, count } = page(one)
  total += count
  problems.push(...missing.map((what) => `${what} is exported and has no description`))
  const path = join(OUT, one.page)
  const formatted = await format(text, { ...(await resolveConfig(path)), filepath: path })
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, formatted)
  } else if (!existsSync(path) || readFileSync(path, 'utf8') !== formatted)
    problems.push(`${path} is not up to date: npm run docs:api writes it`)
}
if (problems.length) {
  console.error(problems.join('\n'))
  process.exit(1)
}
console.log(`docs/api: ${total} exports, all with a description`)
