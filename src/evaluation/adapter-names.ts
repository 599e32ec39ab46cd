/** @file Short, distinct names for the adapters of a comparison. */

/** For each path the components in which it differs from the others. Names in `taken`, and repeated ones, get a number. */
export function distinctNames(paths: readonly string[], taken: readonly string[] = []): string[] {
  if (!paths.length) return []
  const parts = paths.map((path) => path.split(/[/\\]+/).filter((part) => part && part !== '.'))
  const same = (at: (of: string[]) => string | undefined) => parts.every((of) => at(of) === at(parts[0]))
  const shortest = Math.min(...parts.map((of) => of.length))
  let [start, end] = [0, 0]
  while (start < shortest - 1 && same((of) => of[start])) start++
  while (end < shortest - start - 1 && same((of) => of[of.length - 1 - end])) end++
  const used = new Set(taken)
  return parts.map((of, i) => {
    const name = of.slice(start, of.length - end).join('/') || paths[i]
    let unique = name
    for (let n = 2; used.has(unique); n++) unique = `${name} (${n})`
    used.add(unique)
    return unique
  })
}
