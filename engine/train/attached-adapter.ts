/** @file The one way to put an adapter on the layers of a model and to take it off again. */
import type { Linear, Lora, Tuned } from '../ops/linear'
import type { PromptHead } from '../sam/prompt-head'
import type { SamModel } from '../sam/sam-model'

/** What an adapter puts on one layer: LoRA matrices beside its weight, or a tuned weight in its place. */
export interface LayerAdapter {
  /** Path of the layer in the checkpoint, for error messages. */
  path: string
  linear: Linear
  adapter: { lora: Lora } | { tuned: Tuned }
}

/**
 * An adapter of a model. It is attached when it is made, and can be detached and attached again; a layer has one
 * adapter at a time.
 *
 * Attach before recording. A layer's adapter is read when an operation is recorded (`Predictor.create`,
 * `MaskGenerator.create`, `TrainingStep.create`, `SamModel.encode` and `decode`): what was recorded keeps the adapter
 * that was attached then, or none, whatever is attached or detached later.
 */
export class AttachedAdapter {
  private released = false
  /** The adapter's prompt head, and the one that the model has without it. */
  private head: { model: Pick<SamModel, 'promptHead'>; own: PromptHead; other: PromptHead | null } | null = null

  /**
   * @param layers are changed by nothing but `attach` and `detach`
   * @param free frees the memory that belongs to the adapter, when it is released
   * @throws Error if a layer has an adapter already
   */
  constructor(
    readonly layers: readonly LayerAdapter[],
    private readonly free: () => void = () => {},
  ) {
    this.attach()
  }

  /** True if the model's layers use this adapter now. */
  get attached(): boolean {
    return this.layers.every(({ linear, adapter }) =>
      'lora' in adapter ? linear.lora === adapter.lora : linear.tuned === adapter.tuned,
    )
  }

  /**
   * Operations recorded from now on use the adapter.
   * @throws Error if a layer has an adapter already, or after release
   */
  attach(): void {
    if (this.released) throw new Error('this adapter was released: it cannot be attached again')
    const taken = this.layers.find(({ linear }) => linear.lora || linear.tuned)
    if (taken)
      throw new Error(`${taken.path} has ${this.attached ? 'this' : 'another'} adapter attached: detach it first`)
    for (const { linear, adapter } of this.layers) Object.assign(linear, adapter)
    if (this.head) this.useHead(this.head.model, this.head.own)
  }

  /**
   * Gives the adapter a prompt head, which the model uses while the adapter is attached and which is released with it.
   * Call it once, while the adapter is attached.
   */
  useHead(model: Pick<SamModel, 'promptHead'>, own: PromptHead): void {
    this.head = { model, own, other: model.promptHead }
    model.promptHead = own
  }

  /** Operations recorded from now on are those of the base model. @throws Error if the adapter is not attached */
  detach(): void {
    if (!this.attached) throw new Error('this adapter is not attached')
    for (const { linear } of this.layers) Object.assign(linear, { lora: null, tuned: null })
    if (this.head) this.head.model.promptHead = this.head.other
  }

  /** Detaches the adapter if it is attached and frees its memory. What was recorded with it must not run again. */
  release(): void {
    if (this.released) return
    if (this.attached) this.detach()
    this.released = true
    this.head?.own.release()
    this.free()
  }
}
