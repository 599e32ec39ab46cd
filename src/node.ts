/**
 * @file `wgsam/node`: the functions behind the command line, for programs in Node. They open a GPU, models, adapters, images and
 * datasets from files, train, evaluate, generate and measure. The engine itself is exported by `wgsam`. docs/embedding.md has
 * examples.
 */

// the GPU of this machine, and errors whose message is meant for people
export { type EngineChoice, openEngine } from './host/gpu'
export { UserError } from './host/errors'

// models and adapters from files
export { fetchModel, type FetchOptions } from './weights/fetch-model'
export { type Checkpoint, openCheckpoint, weightSource } from './weights/checkpoint'
export { openWeights } from './weights/open-weights-file'
export type { OpenedWeights, OpenOptions, WeightInput } from './weights/open-weights'
export { fileSource } from './weights/open-file'
export { folderCache } from './weights/folder-cache'
export { inferArchitecture } from './weights/architecture'
export { type ModelOptions, openModel } from './model/open-model'
export { loadAdapter } from './model/attach-adapter'
export { mergeModel, type Merged, type MergeOptions } from './model/merge-adapter'
export { readAdapter, writeAdapter } from './weights/peft'
export type { Adapter } from '../engine/train/adapter'
export { readSafetensors } from './weights/safetensors'
export { type TensorToWrite, writeSafetensors } from './weights/safetensors-writer'

// images, label maps and datasets
export {
  type Micrograph,
  type MicrographOptions,
  parsePixelSize,
  type PixelSize,
  readMicrograph,
} from './images/micrograph'
export { toRGB8 } from './images/rgb8'
export { readLabels } from './images/read-labels'
export { type Dataset, type DatasetItem, type DatasetOptions, loadItem, openDataset } from './dataset/dataset'
export type { Sample } from '../engine/image/sample'
export { makeSplit, type Parts, type SplitOptions } from './dataset/split'

// training
export { checkConfig, type RawConfig, type TrainConfig } from './training/config'
export { beginRun, lockRun, resumeRun, type RunFolder, runFolder } from './training/run-folder'
export { train, type TrainOptions, type TrainSummary } from './training/train'

// evaluation
export { evaluate, type EvaluateOptions, type TalliedMode } from './evaluation/evaluate'
export { openModelSegmenter } from './evaluation/model-segmenter'
export { summariseTallies } from './evaluation/scores'

// masks of a folder of images
export { type FolderOptions, generateFolder, type ImageResult } from './generate/generate-folder'
export { type InputImage, listInputs } from './project/input-images'

// particle sizes
export { findSources } from './measure/sources'
export { type Measured, type MeasureOptions, measureSources } from './measure/measure'
export { summariseSizes, type Summary, type SummaryOptions } from './measure/summary'
