/** @file Says what a file is that holds no adapter that wgsam reads, from the names of its tensors. */

const WANTED =
  "wgsam reads PEFT's folders of LoRA (adapter_config.json and adapter_model.safetensors) and files of SAMed and Sam_LoRA (w_a_000, w_b_000, …)"

/** What is recognised by a name in it, the most telling first. */
const kinds: [RegExp, string][] = [
  [
    /(?:^|\.)lora_(?:unet|te\d?)_.*\.(?:lora_(?:down|up)\.weight|alpha)$/,
    'a LoRA as kohya writes it for Stable Diffusion',
  ],
  [/\.lora(?:_linear_layer)?\.(?:down|up)\.weight$|_lora\.(?:down|up)\.weight$/, 'a LoRA as diffusers writes it'],
  [
    /\.(?:hada_w[12]_[ab]|lokr_w[12](?:_[ab])?|lora_mid\.weight)$/,
    'LyCORIS (LoHa or LoKr), another kind of adapter than LoRA',
  ],
  [/\.lora_(?:down|up)\.weight$/, 'a LoRA as kohya writes it'],
  [
    /\.lora_[AB](?:\.\w+)?\.weight$/,
    'the matrices of PEFT without their configuration: put adapter_config.json beside the file and give the folder',
  ],
  [/\.lora_[AB]$/, 'a LoRA as loralib writes it, whose rank and scale are in the program that trained it'],
  [
    /\.(?:w_[ab]_linear_[qv]|linear_[ab]_[qv])\.weight$/,
    'a whole SAM with LoRA matrices inside its layers (micro-sam, SAMed): save the matrices alone, or merge them in that program',
  ],
  [
    /(?:^|\.)(?:image_encoder|vision_encoder|mask_decoder)\./,
    'parts of a SAM without LoRA matrices: a model is given as --model',
  ],
]

/** What the tensors look like, and what is wanted. */
export function describeAdapter(names: readonly string[]): string {
  const about = kinds.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1]
  const shown = names.slice(0, 2).map((name) => (name.length > 80 ? `${name.slice(0, 80)}…` : name))
  const listed = `its ${names.length} tensors are named ${shown.join(', ')}${names.length > 2 ? ', …' : ''}`
  return `no adapter that can be read: ${listed}${about ? `; they are ${about}` : ''}. ${WANTED}`
}
