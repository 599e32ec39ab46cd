/**
 * @file The files of an adapter, wherever they are: PEFT's names of them and of the tensors in them, and reading its JSON. It runs in
 * any host.
 */
import { messageOf, UserError } from '../host/errors'
import { type ByteSource, readRange } from './byte-source'
import type { TensorToWrite } from './safetensors-layout'

export const CONFIG = 'adapter_config.json'
export const TENSORS = 'adapter_model.safetensors'
/** PEFT's file before its version 0.7, written by torch.save. */
export const OLD_TENSORS = 'adapter_model.bin'
export const PREFIX = 'base_model.model.'

/** The files of one adapter: a folder on disk, or files that a person chose in a page. */
export interface AdapterFiles {
  /** Names the adapter in messages. */
  readonly name: string
  /** Names a file in messages. */
  where(file: string): string
  has(file: string): boolean
  /** @throws UserError if there is no such file */
  open(file: string): Promise<ByteSource>
}

/** What PEFT's two files contain. */
export interface AdapterParts {
  tensors: TensorToWrite[]
  metadata: Record<string, string>
  /** The text of adapter_config.json. */
  config: string
}

export const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** A JSON file of an adapter, with or without a byte order mark. @throws UserError that names it */
export async function readJson(files: AdapterFiles, file: string): Promise<unknown> {
  const source = await files.open(file)
  try {
    const bytes = await readRange(source, 0, source.size, 'its text')
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw error instanceof UserError
      ? error
      : new UserError(`${source.name}: cannot be read as JSON: ${messageOf(error)}`)
  } finally {
    await source.close()
  }
}
