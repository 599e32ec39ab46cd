/** @file The model with which a project's masks were proposed, as its generate.json records it. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { ModelChoice } from '../cli/next-command'
import { messageOf, UserError } from '../host/errors'
import { finiteNumber, checkValue } from '../text/check-value'

const schema = v.object({
  /** Null where no model was used. */
  model: v.nullable(v.string()),
  modelConfig: v.optional(v.nullable(v.string())),
  adapter: v.nullable(v.string()),
  size: v.nullable(finiteNumber),
  hardware: v.optional(v.nullable(v.object({ software: v.boolean() }))),
})

export interface ProjectModel extends Required<ModelChoice> {
  model: string
  /** Whether the adapter of WebGPU ran on the processor; undefined if it is not recorded. */
  software?: boolean
}

/**
 * The model of the last `wgsam generate` in a project; null if there was none, or it was one without a model.
 * @throws UserError if the file cannot be read
 */
export async function projectModel(dir: string): Promise<ProjectModel | null> {
  const path = join(dir, 'generate.json')
  if (!existsSync(path)) return null
  try {
    const {
      model,
      modelConfig = null,
      adapter,
      size,
      hardware,
    } = checkValue(schema, JSON.parse(await readFile(path, 'utf8')))
    return model === null ? null : { model, modelConfig, adapter, size, software: hardware?.software }
  } catch (error) {
    throw new UserError(`cannot use ${path}: ${messageOf(error, path)}`)
  }
}
