/** @file Adapters in and out as files in memory, with the bytes that the program writes to disk. It runs in any host. */
import type { Architecture } from '../../engine/sam/architecture'
import { isDifference } from '../../engine/train/adapter'
import { UserError } from '../host/errors'
import { type AdapterContent, checkContent } from './adapter-content'
import { type AdapterFiles, CONFIG, OLD_TENSORS, TENSORS } from './adapter-files'
import { parseProfile, PROFILE, profileText } from './adapter-profile-format'
import { blobSource, bufferSource, type ByteSource, readRange } from './byte-source'
import { fullParts, isFull, readFull } from './full-adapter'
import { peftParts, readPeft } from './peft-format'
import { PROMPT_HEAD, promptHeadOf } from './prompt-head-format'
import { safetensorsParts, type TensorToWrite } from './safetensors-layout'
import { readSamed } from './samed'
import { openZip } from './zip'
import { sniffFormat } from './sniff-format'

/** One file in memory. */
export type FileBytes = Blob | ArrayBuffer | Uint8Array

/**
 * The files of an adapter: by their names, as a list of Files (of a folder that was dropped), or one file: a zip of them, or a LoRA file
 * of SAMed.
 */
export type AdapterInput = Readonly<Record<string, FileBytes>> | Iterable<File> | FileBytes

/**
 * Opens an adapter: PEFT's adapter_config.json and adapter_model.safetensors (also of fused q, k and v, and adapter_model.bin), with the
 * prompt head (prompt_head.safetensors) and wgsam's own findings (wgsam.json) if they are beside them; or a LoRA file of SAMed. Folders
 * in the names are left out, so that the adapter may be in a folder of a zip.
 * @param options.architecture of the model that it is for: the adapter is checked against it
 * @param options.model the name of that model, for messages
 * @throws UserError that names the file and the tensor, if it cannot be read or belongs to another model
 * @example
 * const { adapter, head, profile } = await openAdapter(input.files, { architecture: model.architecture })
 * const attached = await attachAdapter(model, adapter, head)
 */
export async function openAdapter(
  input: AdapterInput,
  { architecture, model }: { architecture?: Architecture; model?: string } = {},
): Promise<Required<AdapterContent>> {
  const content = await read(input)
  if (architecture) checkContent(content, architecture, model)
  return content
}

/**
 * The files of an adapter by name: those that `wgsam train` writes into a folder, and that PEFT reads.
 * @throws UserError if its matrices do not fit its configuration
 * @example
 * const { adapter, head } = await train(model, samples)
 * for (const [name, bytes] of Object.entries(await adapterFiles({ adapter, head }))) save(name, bytes)
 */
export async function adapterFiles({
  name,
  adapter,
  head = [],
  profile = {},
}: AdapterContent): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const { config, tensors, metadata } = isDifference(adapter) ? fullParts(adapter) : peftParts(adapter, name)
  const text = (of: string) => Uint8Array.from(new TextEncoder().encode(of))
  const known = Object.values(profile).some((part) => part !== undefined)
  return {
    [CONFIG]: text(config),
    [TENSORS]: await safetensorsOf(tensors, metadata),
    ...(head.length && { [PROMPT_HEAD]: await safetensorsOf([...head], { format: 'pt' }) }),
    ...(known && { [PROFILE]: text(profileText(profile)) }),
  }
}

async function safetensorsOf(tensors: readonly TensorToWrite[], metadata: Record<string, string>) {
  const parts: Uint8Array<ArrayBuffer>[] = []
  for await (const part of safetensorsParts(NAMELESS, tensors, metadata)) parts.push(part)
  return new Uint8Array((await new Blob(parts).arrayBuffer()) as ArrayBuffer)
}

/** In messages, of files that have no common name. */
const NAMELESS = 'the adapter'

/** The files that belong to an adapter; others are left out. */
const OWN = [CONFIG, TENSORS, OLD_TENSORS, PROMPT_HEAD, PROFILE]

async function read(input: AdapterInput): Promise<Required<AdapterContent>> {
  const entries = entriesOf(input)
  const [[name, bytes]] = entries.length ? entries : [['', new Uint8Array()]]
  const single = entries.length === 1 && !OWN.includes(lastPart(name))
  const files = single ? await filesOfOne(sourceOf(name, bytes)) : filesOf(entries)
  if ('adapter' in files) return files
  if (!files.has(CONFIG)) throw new UserError(`${files.name}: no adapter: there is no ${CONFIG} among its files`)
  const adapter = (await isFull(files)) ? await readFull(files) : await readPeft(files)
  const head = await promptHeadOf(files)
  return { name: files.name, adapter, head: [...(head?.tensors.values() ?? [])], profile: await profileOf(files) }
}

const isBlob = (input: object): input is Blob => 'arrayBuffer' in input && typeof input.arrayBuffer === 'function'
const isBytes = (input: object): input is ArrayBuffer | Uint8Array =>
  'byteLength' in input && typeof input.byteLength === 'number'
const nameOf = (file: Blob) =>
  (file as Blob & { webkitRelativePath?: string; name?: string }).webkitRelativePath ||
  (file as { name?: string }).name ||
  NAMELESS
const lastPart = (name: string) => name.slice(name.lastIndexOf('/') + 1)
const sourceOf = (name: string, bytes: FileBytes): ByteSource =>
  isBlob(bytes) ? blobSource(bytes, name) : bufferSource(bytes, name)

function entriesOf(input: AdapterInput): [string, FileBytes][] {
  if (isBytes(input)) return [[NAMELESS, input]]
  if (isBlob(input)) return [[nameOf(input), input]]
  return Symbol.iterator in input ? Array.from(input, (file) => [nameOf(file), file]) : Object.entries(input)
}

/** The adapter in one file: the members of a zip, or what SAMed wrote. */
async function filesOfOne(source: ByteSource): Promise<AdapterFiles | Required<AdapterContent>> {
  const samed = async () => ({ name: source.name, adapter: await readSamed(source), head: [], profile: {} })
  if ((await sniffFormat(source)) !== 'zip') return samed()
  const zip = await openZip(source)
  // a .pth is a zip too
  const names = [...zip.names()].filter((name) => OWN.includes(lastPart(name)))
  if (!names.length) return samed()
  const members: [string, Uint8Array<ArrayBuffer>][] = []
  for (const name of names) members.push([name, (await zip.read(name)) as Uint8Array<ArrayBuffer>])
  return filesOf(members, source.name)
}

function filesOf(entries: readonly [string, FileBytes][], name = NAMELESS): AdapterFiles {
  const files = new Map<string, ByteSource>()
  for (const [path, bytes] of entries) {
    const own = lastPart(path)
    if (!OWN.includes(own)) continue
    if (files.has(own)) throw new UserError(`${name}: it has ${own} twice: give the files of one adapter`)
    files.set(own, sourceOf(own, bytes))
  }
  return {
    name,
    where: (file) => (name === NAMELESS ? file : `${name}: ${file}`),
    has: (file) => files.has(file),
    open: async (file) => {
      const source = files.get(file)
      if (!source) throw new UserError(`${name}: there is no ${file} among its files`)
      return source
    },
  }
}

async function profileOf(files: AdapterFiles) {
  if (!files.has(PROFILE)) return {}
  const source = await files.open(PROFILE)
  const bytes = await readRange(source, 0, source.size, 'its text')
  return parseProfile(files.where(PROFILE), new TextDecoder().decode(bytes))
}
