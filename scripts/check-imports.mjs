// Checks who imports whom: no circle, the engine imports only itself and the shaders, and a folder of src/ imports only folders
// on floors below its own. Part of `npm run check`.
import { readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'

/** Top-level folders, and those that each may import besides itself. */
const ALLOWED = {
  shaders: [],
  engine: ['shaders'],
  src: ['engine'],
  bench: ['engine', 'shaders', 'src'],
  test: ['engine', 'shaders', 'src', 'bench'],
}

/** The folders of src/ from the ground up. A file imports from its own folder and from lower floors. */
const FLOORS = [
  ['host', 'statistics', 'text'],
  ['cli', 'images', 'mpi', 'parts', 'weights', 'tracking'],
  ['model', 'synth'],
  ['drawing', 'verify'],
  ['dataset'],
  ['evaluation', 'project'],
  ['training', 'measure'],
  ['report'],
  ['generate', 'review', 'ablation', 'watch'],
  ['start'],
  ['commands'],
  ['main', 'node', 'web'],
  ['playground'],
]

/** Imports that break a rule for a reason. */
const EXCEPTIONS = {
  // `wgsam bench` runs the benchmarks, which stand beside the program and are no part of it
  'src/commands/bench.ts': 'bench',
}

const files = Object.keys(ALLOWED)
  .flatMap((top) => readdirSync(top, { recursive: true }).map((file) => posix.join(top, file.replaceAll('\\', '/'))))
  .filter((file) => /\.(tsx?|wgsl)$/.test(file))
const known = new Set(files)

/** The file that a relative import names; undefined for packages and for files outside the checked folders. */
function resolve(from, specifier) {
  const path = posix.join(posix.dirname(from), specifier)
  return ['', '.ts', '.tsx', '/index.ts'].map((end) => path + end).find((file) => known.has(file))
}

/** Every import of a file, types and lazy imports included. */
const importsOf = (file) =>
  [...readFileSync(file, 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)]
    .map(([, specifier]) => resolve(file, specifier))
    .filter((target) => target !== undefined)
const graph = new Map(
  files.filter((file) => file.endsWith('ts') || file.endsWith('tsx')).map((file) => [file, importsOf(file)]),
)

const problems = []

function checkLayers() {
  const floorOf = (file) => FLOORS.findIndex((floor) => floor.includes(roomOf(file)))
  const roomOf = (file) => file.split('/')[1].replace(/\.ts$/, '')
  for (const [file, targets] of graph)
    for (const target of targets) {
      const [top, targetTop] = [file, target].map((path) => path.split('/')[0])
      if (EXCEPTIONS[file] === targetTop) continue
      if (top !== targetTop && !ALLOWED[top].includes(targetTop)) problems.push(`${file} must not import ${target}`)
      if (top !== 'src' || targetTop !== 'src' || roomOf(file) === roomOf(target)) continue
      if (floorOf(target) >= floorOf(file)) problems.push(`${file} is not above ${target} in the table of floors`)
    }
  for (const file of graph.keys())
    if (file.startsWith('src/') && floorOf(file) < 0) problems.push(`${file}: src/${roomOf(file)} has no floor`)
}

/** Depth first: a file that is met again while its own imports are being followed closes a circle. */
function checkCircles() {
  const done = new Set()
  const path = []
  const visit = (file) => {
    if (done.has(file)) return
    if (path.includes(file)) {
      problems.push(`a circle of imports: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
      return
    }
    path.push(file)
    for (const target of graph.get(file) ?? []) visit(target)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
}

checkLayers()
checkCircles()
if (problems.length) {
  console.error(`${problems.join('\n')}\nThe rules are in scripts/check-imports.mjs.`)
  process.exit(1)
}
console.log(`imports: ${graph.size} files, no circle, every import points down`)
