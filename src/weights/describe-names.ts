/** @file Says what a file of weights that is no SAM looks like, from the names of its tensors. */

const SAM1 = 'wgsam runs SAM (ViT-B, ViT-L, ViT-H), MobileSAM and LiteMedSAM'

/** What training scripts put between the layers of a SAM, whose other tensors then are all there. */
export const INSIDE: readonly [RegExp, string][] = [
  [
    /\.base_layer\.(?:weight|bias)$/,
    'it is a SAM inside PEFT with its adapter: save model.merge_and_unload().state_dict(), or the adapter alone with model.save_pretrained',
  ],
  [
    /\.attn\.qkv\.(?:w_[ab]_linear_[qv]|linear_[ab]_[qv])\./,
    'they are those of a SAM with LoRA matrices inside its layers (micro-sam, SAMed): merge them in that program, and save the whole model',
  ],
  [
    /(?:^|\.)(?:image_encoder\.)?(?:prompt_generator\.|blocks\.\d+\.(?:\w+_)?[Aa]dapter)/,
    'they are those of a SAM with adapter layers between its own (SAM-Adapter, Medical SAM Adapter), which is another model',
  ],
]

/** What is recognised by a name in it, the most telling first. */
const kinds: [RegExp, string][] = [
  [
    /(?:^|\.)(?:image_encoder\.trunk|sam_mask_decoder|memory_attention|memory_encoder)\./,
    `they are those of SAM 2, which is another model: ${SAM1}`,
  ],
  [
    /(?:^|\.)(?:detector|tracker)\.(?:backbone|geometry_encoder|transformer|vision_backbone)\b/,
    `they look like SAM 3, which is another model: ${SAM1}`,
  ],
  [
    /(?:^|\.)lora_[AB]\b|(?:^|\.)w_[ab]_\d{3,}$/,
    'they are LoRA matrices: give the file or its folder as --adapter, with its base model as --model',
  ],
  [/(?:^|\.)difference\.weight$/, 'they are differences that wgsam trained: give their folder as --adapter'],
  [/(?:^|\.)prompt_head\./, "they are a prompt head alone, which belongs into an adapter's folder"],
  [/(?:^|\.)final_output_upscaling_layers\./, `they are those of EfficientSAM, which is another model: ${SAM1}`],
  [/(?:^|\.)model\.\d+\.(?:conv|cv\d|m|bn)\b/, `they are those of a YOLO (FastSAM has the same names): ${SAM1}`],
  [
    /(?:^|\.)(?:image_encoder|vision_encoder)\./,
    'they are an image encoder without prompt encoder and mask decoder: save the state dict of the whole model',
  ],
  [
    /(?:^|\.)(?:pos_embed$|patch_embed\.|blocks\.0\.attn\.qkv)/,
    'they look like an image encoder alone: save the state dict of the whole model',
  ],
  [/(?:^|\.)mask_decoder\./, 'they are a mask decoder without image encoder: save the state dict of the whole model'],
  [
    /(?:^|\.)(?:transformer|model|layers)\..*(?:self_attn\.q_proj|input_layernorm|attn\.c_attn)/,
    'they look like a language model',
  ],
  [/(?:^|\.)(?:layer[1-4]\.\d+\.conv\d|fc\.weight|cls_token|head\.weight)/, 'they look like an image classifier'],
]

/** The first kind that a name fits; undefined if none does. */
export const kindOf = (names: readonly string[], of: readonly [RegExp, string][]): string | undefined =>
  of.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1]

/** At most this many names are shown. */
const SHOWN = 4

/** "its 188 tensors are named a, b, …; they are those of SAM 2: …". */
export function describeNames(names: readonly string[]): string {
  if (!names.length) return 'it has no tensors'
  const about = kindOf(names, [...INSIDE, ...kinds])
  const listed = names.slice(0, SHOWN).map((name) => (name.length > 80 ? `${name.slice(0, 80)}…` : name))
  const more = names.length > SHOWN ? ', …' : ''
  const wanted =
    "wanted are image_encoder.…, prompt_encoder.… and mask_decoder.… of Meta's segment-anything, or the names of transformers"
  const count = names.length === 1 ? 'its only tensor is' : `its ${names.length} tensors are`
  return `${count} named ${listed.join(', ')}${more}; ${about ?? wanted}`
}
