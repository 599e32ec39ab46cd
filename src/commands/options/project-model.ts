/** @file The model that a command takes from a project, where its options name none. */
import { existsSync } from 'node:fs'
import { text, type Values } from '../../cli/options'
import { projectModel } from '../../project/project-model'

export interface TakenModel {
  values: Values
  /** What was taken, as a line for people; null if there was nothing to take. */
  line: string | null
}

/**
 * The options, with model, adapter and input size of the project's last `wgsam generate`. --model and --adapter take the place of all
 * three, --size of the size alone.
 * @throws UserError if the project's record cannot be read
 */
export async function withProjectModel(values: Values, dir: string): Promise<TakenModel> {
  if (text(values, 'model') !== undefined || text(values, 'adapter') !== undefined) return { values, line: null }
  const project = await projectModel(dir)
  if (!project) return { values, line: null }
  const { model, modelConfig, size, adapter } = project
  const gone = adapter !== null && !existsSync(adapter)
  // the size of an adapter that is gone says nothing about the model without it
  const kept = gone ? { adapter: null, size: null } : { adapter, size }
  const given = text(values, 'size')
  const taken: Values = {
    ...values,
    model,
    ...(modelConfig !== null && text(values, 'model-config') === undefined && { 'model-config': modelConfig }),
    ...(kept.adapter !== null && { adapter: kept.adapter }),
    ...(kept.size !== null && given === undefined && { size: String(kept.size) }),
  }
  const parts = [model, kept.adapter && `adapter ${kept.adapter}`, kept.size && !given && `input ${kept.size} pixels`]
  const line =
    `prompts are answered by the model that made the proposals: ${parts.filter(Boolean).join(', ')}` +
    (gone ? `. Its adapter ${adapter} is no longer there: name another with --adapter` : '')
  return { values: taken, line }
}
