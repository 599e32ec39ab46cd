/** @file PEFT's names of the files in an adapter's folder, and of the tensors in them. */
export const CONFIG = 'adapter_config.json'
export const TENSORS = 'adapter_model.safetensors'
export const PREFIX = 'base_model.model.'
