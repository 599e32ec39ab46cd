/** @file Names of modules in adapters: PEFT names them by their paths in the model that it wrapped. */
import { fromTransformers } from './tensor-names'

const SUBMODEL = /^(?:.*?\.)?((?:image_encoder|vision_encoder|prompt_encoder|mask_decoder)\..*)$/

/** True if the names of an adapter's tensors are those of Hugging Face transformers' SamModel. */
export const isTransformersAdapter = (names: readonly string[]): boolean =>
  names.some((name) => /(?:^|\.)(?:vision_encoder\.|mask_decoder\..*\.proj_(?:in|out)\.)/.test(name))

/**
 * The target, named as in engine/train/adapter.ts, of a module. What stands before the model's own parts is left out: the SAM
 * may be a part of a larger module. Parts of qkv, which earlier versions of wgsam wrote as modules, become targets.
 */
export function targetOf(module: string, transformers: boolean): string {
  const own = SUBMODEL.exec(module)?.[1] ?? module
  const named = transformers ? fromTransformers(`${own}.weight`).slice(0, -'.weight'.length) : own
  return named.replace(/\.qkv\.([qkv])$/, '.$1')
}
