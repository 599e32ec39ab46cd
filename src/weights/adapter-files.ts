/** @file PEFT's names of the files in an adapter's folder, and of the tensors in them; reading its JSON. */
import { readFile } from 'node:fs/promises'
import { messageOf, systemProblem, UserError } from '../host/errors'

export const CONFIG = 'adapter_config.json'
export const TENSORS = 'adapter_model.safetensors'
/** PEFT's file before its version 0.7, written by torch.save. */
export const OLD_TENSORS = 'adapter_model.bin'
export const PREFIX = 'base_model.model.'

/** A JSON file of an adapter, with or without a byte order mark. @throws UserError that names it */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse((await readFile(path, 'utf8')).replace(/^\ufeff/, ''))
  } catch (error) {
    throw new UserError(systemProblem(error) ?? `${path}: cannot be read as JSON: ${messageOf(error)}`)
  }
}
