/** @file The names in an adapter's folder, which are PEFT's. */
export const CONFIG = 'adapter_config.json'
export const TENSORS = 'adapter_model.safetensors'
export const PREFIX = 'base_model.model.'
