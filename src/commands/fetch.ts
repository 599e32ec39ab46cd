/** @file `wgsam fetch`: downloads named models into the cache folder. */
import { commandText, fetchCommand } from '../cli/next-command'
import { UserError } from '../host/errors'
import { interruption } from '../host/interrupt'
import { amount } from '../host/progress'
import { fetchModel, resolveModel } from '../weights/fetch-model'
import { type NamedModel, models } from '../weights/model-registry'
import type { Command } from '../cli/command'
import { flag } from '../cli/options'
import { downloadProgress } from '../weights/locate-model'

const sizeOf = ({ files }: NamedModel) => files.reduce((sum, { size }) => sum + size, 0)

/** The path of a named model in the cache, or null if it is not there. */
async function cached(name: string): Promise<string | null> {
  return resolveModel(name).catch((error) => {
    if (error instanceof UserError) return null
    throw error
  })
}

async function list(json: boolean): Promise<void> {
  const rows = await Promise.all(
    Object.entries(models).map(async ([name, model]) => ({
      name,
      about: model.about,
      bytes: sizeOf(model),
      path: await cached(name),
    })),
  )
  if (json) console.log(JSON.stringify(rows, null, 2))
  else
    for (const { name, about, bytes, path } of rows)
      console.log(
        `${name.padEnd(12)} ${amount(bytes, 'bytes').padStart(10)}  ${about}${path ? `\n${' '.repeat(25)}at ${path}` : ''}`,
      )
}

async function fetchOne(name: string, json: boolean): Promise<number> {
  const abort = new AbortController()
  const interrupt = interruption(() => abort.abort())
  try {
    if (Object.hasOwn(models, name) && !(await cached(name)))
      console.error(`fetching ${name}, ${amount(sizeOf(models[name]), 'bytes')}`)
    const path = await fetchModel(name, {
      signal: abort.signal,
      onProgress: downloadProgress(),
    })
    console.log(json ? JSON.stringify({ name, bytes: sizeOf(models[name]), path }) : path)
    return 0
  } catch (error) {
    if (!interrupt.requested) throw error
    console.error(`\nstopped; \`${commandText(fetchCommand(name))}\` continues from here`)
    return 130
  } finally {
    interrupt.dispose()
  }
}

export const command: Command = {
  name: 'fetch',
  summary: 'download a named model into the cache folder and verify its SHA-256',
  usage: '<name> [--json] | --list [--json]',
  positionals: [0, 1],
  options: {
    list: { type: 'boolean', description: 'list the models, their sizes, and which of them are in the cache' },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details: `Names: ${Object.keys(models).join(', ')}. An interrupted download is continued the next time. Prints the path.`,
  async run(values, [name]) {
    if (flag(values, 'list')) return list(flag(values, 'json'))
    if (!name) throw new UserError('wgsam fetch needs a name: `wgsam fetch --list` shows them')
    return fetchOne(name, flag(values, 'json'))
  },
}
