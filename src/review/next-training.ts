/** @file The command that trains on an exported dataset, for the terminal and for the page's dialog. */
import { commandText, trainCommand } from '../cli/next-command'
import { runsOnProcessor } from '../host/runs-on-processor'
import { projectModel } from '../project/project-model'
import type { ExportedDataset, ServerInfo } from './protocol'

/** The model that answers prompts, and whether its WebGPU adapter runs on the processor (undefined before it is loaded). */
type ReviewModel = NonNullable<ServerInfo['model']> & { software?: boolean }

/**
 * @param exported the dataset
 * @param reviewed the model of the review; null if it has none: then the project's is named
 */
export async function nextTraining(
  dir: string,
  exported: Pick<ExportedDataset, 'folder' | 'images'>,
  reviewed: ReviewModel | null,
): Promise<string> {
  // a project that cannot be read has been reported where its model was to be used
  const project = await projectModel(dir).catch(() => null)
  const { name, adapter, size } = reviewed ?? { name: project?.model, adapter: project?.adapter, size: project?.size }
  return commandText(
    trainCommand({
      data: exported.folder,
      images: exported.images,
      model: name,
      modelConfig: project?.model === name ? project?.modelConfig : null,
      adapter,
      size,
      // a first round of watershed proposals has used no GPU, and recorded none
      software: reviewed?.software ?? project?.software ?? (await runsOnProcessor()),
    }),
  )
}
