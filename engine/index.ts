/**
 * @file The engine's public surface. It runs in any WebGPU host: pass it a GPUDevice and a source of weights.
 * docs/architecture.md says how the parts fit together, docs/generator.md has an example of the mask generator.
 */

// the device, and its errors
export { Engine, type EngineOptions } from './device/engine'
export { findMatrixUnits, MATRIX_FEATURES, type MatrixUnits } from './device/matrix-units'
export { DeviceLostError, GpuError, GpuOutOfMemoryError } from './device/gpu-errors'
export { NonFiniteError } from './device/non-finite-error'
export { DEFAULT_PRECISION, type Precision, PRECISIONS } from './device/precision'
export { type StorageType, Tensor } from './device/tensor'

// recording and running operations
export { Graph } from './graph/graph'
export { Program } from './graph/program'
export type { MemoryReport } from './graph/memory-report'

// models, and prompts on one image or several
export type { Architecture, DecoderArchitecture, TinyVitArchitecture, VitArchitecture } from './sam/architecture'
export { type LoadOptions, SamModel } from './sam/sam-model'
export type { WeightSource } from './sam/weights'
export { type Prediction, Predictor, type PredictorOptions } from './sam/predictor'
export type { PromptBatch } from './sam/prompt-batch'
export { promptLabel } from './sam/prompt-labels'
export { PromptHead } from './sam/prompt-head'
export type { PromptMaps } from './sam/prompt-maps'
export type { Recomputation } from './sam/recomputation'

// images: sizes, boxes, and the way from an image to the model's input and back
export type { Box, Point, Region } from './image/box'
export type { InstanceBox, LabelMap } from './image/label-map'
export { type ModelInput, resizeLongest, scaleBox, scalePoint, toModelInput, upscaleLogits } from './image/model-input'
export type { RgbImage } from './image/rgb-image'
export type { Size } from './image/size'
export { promptHeadTargets } from './image/prompt-head-targets'
export { labelTargets } from './image/training-targets'

// masks
export { dropIslands, fillHoles } from './masks/holes-islands'
export { labelMap } from './masks/paint-label-map'
export type { Mask } from './masks/mask'
export { type CompressedRle, decodeMask, decodeRle, encodeMask, encodeRle, type Rle } from './masks/rle'

// prompted masks, and the scale at which a model sees an image
export type { ImagePrompt } from './sam/prompt-masks'
export type { ParticleSize } from './scale/particle-size'
export type { ScaleSettings } from './scale/scale-settings'
export type { PromptedMask } from './scale/tiled-predictor'
export { type DiameterBand, defaultBand, type View } from './scale/view'

// masks of prompts on images in any form: what an interactive page or a service needs
export { type BufferImage, type ImageSource, readPixels, type RgbaImage } from './segment/image-source'
export type { SegmentPrompt } from './segment/segment-prompt'
export { type SegmentOptions, Segmenter, type SegmenterOptions, SupersededError } from './segment/segmenter'

// the automatic mask generator
export type {
  Candidate,
  CandidateMeasures,
  CandidateSet,
  GeneratedSet,
  LogitWindow,
  Overlap,
  RejectionReason,
} from './generate/candidate'
export {
  filterCandidates,
  type Filtered,
  type FilterName,
  type FilterOptions,
  type ScoreThresholds,
} from './generate/filter'
export { candidatesAtScale, type ScaleHooks } from './generate/at-scale'
export { generate, type Generated, type GeneratedMask, type GenerateOptions } from './generate/generate'
export { type GenerateHooks, MaskGenerator } from './generate/generator'
export {
  checkGeneratorOptions,
  defaultGeneratorOptions,
  type GeneratorOptions,
  type PromptOrigin,
  referenceThresholds,
  type UsedPrompts,
} from './generate/generator-options'
export type { MaskRecord } from './generate/reference-record'
export { rethreshold, type RethresholdOptions } from './generate/rethreshold'

// adapters: LoRA, and full fine-tuning of chosen matrices
export type { AttachedAdapter } from './train/attached-adapter'
export { attachDifferences, attachFull, fullSpecs, type FullTuning } from './train/full-tuning'
export {
  type AdaptedLayer,
  attachLora,
  defaultLora,
  LORA_TARGETS,
  type LoraConfig,
  loraLayers,
  loraSpecs,
  type LoraTarget,
  mergeLora,
} from './train/lora'

// fine-tuning on labelled images
export { train, Trainer } from './finetune/trainer'
export type { TrainedStep, TrainedValidation, TrainOptions, TrainResult } from './finetune/train-options'
export type { Measuring } from './finetune/finish'
export type { StartingAdapter } from './finetune/starting-values'
export type { RecipeOptions } from './finetune/check-recipe'
export { NothingFitsError, type RunPlan } from './finetune/memory-planner'
export { type PlanOptions, planTraining } from './finetune/plan-training'
export { DivergedError } from './finetune/divergence-guard'
export { defaultRecipe, type Recipe } from './finetune/recipe'
export type { TrainingSample } from './finetune/samples'
export type { PromptScore, Validation } from './finetune/validator'
export { SettingError } from './setting-error'
export { attachAdapter } from './train/attach-adapter'
export type {
  Adapter,
  AdapterConfig,
  AdapterTensors,
  AnyAdapter,
  Difference,
  FullAdapter,
  LoraPair,
} from './train/adapter'
export type {
  AdapterProfile,
  ComparedSource,
  StoredCalibration,
  StoredStrength,
  StoredThresholds,
} from './train/adapter-profile'
export type { HeadTensor } from './sam/prompt-head'

// single training steps
export { defaultOptimizer, type OptimizerConfig } from './train/adam'
export { ParameterSet, type ParameterSpec, type ParameterState } from './train/parameters'
export { promptHeadSpecs } from './train/prompt-head-parameters'
export { type PromptKind, type PromptOptions, type Prompts, promptSlots, samplePrompts } from './train/sample-prompts'
export {
  type FeatureBatch,
  type LossConfig,
  type MicroBatch,
  type StepConfig,
  type StepReport,
  TrainingStep,
} from './train/training-step'
export { maskSupervision } from './ops/mask-loss'
export { Rng } from './rng'
