/**
 * @file PEFT itself, on Meta's own SAM code, with the adapters that wgsam writes. The test runs where WGSAM_PEFT_PYTHON names
 * a Python with torch, peft, safetensors and segment_anything, which together are too large to install for a test.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mergeModel } from '../../../src/model/merge-adapter'
import { type LoraPair } from '../../../engine/train/adapter'
import { writeAdapter } from '../../../src/weights/peft'
import { inferArchitecture } from '../../../src/weights/architecture'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { expectedTensors } from '../../../src/weights/expected-tensors'
import { testNeeding } from '../../support/needs'
import { randomArray } from '../../support/random'
import { scratch } from '../../support/weights'

const at = scratch()
const python = process.env.WGSAM_PEFT_PYTHON
const testPeft = testNeeding(
  'peft',
  python ? null : 'WGSAM_PEFT_PYTHON names no Python with torch, peft and segment_anything',
)
const base = 'golden/files/toy_vit.pth'
const config = JSON.parse(readFileSync('golden/files/toy_vit.json', 'utf8'))

/** Counts the adapted layers, and compares PEFT's model with the merged one: every weight, and the embedding of an image. */
const program = `
import json, sys, torch, warnings
from functools import partial
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer
base, adapter, merged, config = sys.argv[1:4] + [json.loads(sys.argv[4])]
v, d = config["vision"], config["decoder"]
grid = v["img"] // 16
def sam(state):
    model = Sam(
        ImageEncoderViT(img_size=v["img"], patch_size=16, embed_dim=v["dim"], depth=v["depth"], num_heads=v["heads"],
            mlp_ratio=state["image_encoder.blocks.0.mlp.lin1.weight"].shape[0] / v["dim"], out_chans=d["dim"],
            qkv_bias=True, norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), use_rel_pos=True,
            global_attn_indexes=v["global"], window_size=v["window"]),
        PromptEncoder(embed_dim=d["dim"], image_embedding_size=(grid, grid), input_image_size=(v["img"], v["img"]), mask_in_chans=16),
        MaskDecoder(num_multimask_outputs=3, transformer=TwoWayTransformer(depth=2, embedding_dim=d["dim"], mlp_dim=d["mlp"], num_heads=8),
            transformer_dim=d["dim"], iou_head_depth=3,
            iou_head_hidden_dim=state["mask_decoder.iou_prediction_head.layers.0.weight"].shape[0]))
    print(model.load_state_dict(state, strict=False), file=sys.stderr)
    return model.eval()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    wrapped = PeftModel.from_pretrained(sam(torch.load(base, weights_only=True)), adapter)
    said = [str(w.message) for w in caught if "adapter" in str(w.message).lower()]
layers = [name for name, m in wrapped.named_modules() if isinstance(m, LoraLayer)]
zero = sum(not m.lora_B["default"].weight.any() for m in wrapped.modules() if isinstance(m, LoraLayer))
ours = sam(load_file(merged))
torch.manual_seed(1)
image = torch.randn(1, 3, v["img"], v["img"])
relative = lambda a, b: (torch.linalg.norm(a - b) / torch.linalg.norm(b)).item()
with torch.no_grad():
    theirs = wrapped.base_model.model.image_encoder(image)
    embedding = relative(ours.image_encoder(image), theirs)
    changed = relative(sam(torch.load(base, weights_only=True)).image_encoder(image), theirs)
unloaded = wrapped.merge_and_unload().state_dict()
weights = max(relative(value, unloaded[name]) for name, value in ours.state_dict().items())
print(json.dumps(dict(layers=len(layers), zero=zero, warnings=said, embedding=embedding, changed=changed, weights=weights)))
`

for (const [name, targets, rslora] of [
  ['q and v', ['attn.q', 'attn.v'], false],
  ['q, v, proj and lin1', ['attn.q', 'attn.v', 'attn.proj', 'mlp.lin1'], false],
  ['q, k, v and lin2 with rsLoRA', ['attn.q', 'attn.k', 'attn.v', 'mlp.lin2'], true],
] as const)
  testPeft(`PEFT loads all of an adapter of ${name}, and it has the same effect`, async () => {
    const checkpoint = await openCheckpoint(base)
    const shapes = expectedTensors(inferArchitecture(checkpoint, config))
    await checkpoint.close()
    const pairs = new Map<string, LoraPair>()
    for (let block = 0; block < config.vision.depth; block++)
      for (const target of targets) {
        const path = `image_encoder.blocks.${block}.${target}`
        const part = /\.[qkv]$/.test(target)
        const [rows, inDim] = shapes.get(`${path.replace(/attn\.[qkv]$/, 'attn.qkv')}.weight`)!
        const [r, outDim] = [3, part ? rows / 3 : rows]
        const values = (n: number) => randomArray(100 * block + pairs.size, n, 0.3)
        pairs.set(path, { r, inDim, outDim, A: values(r * inDim), B: values(outDim * r) })
      }
    const [folder, merged] = [at('adapter'), at('merged.safetensors')]
    await writeAdapter(folder, {
      config: { r: 3, lora_alpha: 5, use_rslora: rslora, base_model_name_or_path: base },
      tensors: { targets: pairs },
    })
    await mergeModel({ model: base, adapter: folder, out: merged, config })
    const { stdout, stderr, status } = spawnSync(
      python!,
      ['-c', program, base, folder, merged, JSON.stringify(config)],
      { encoding: 'utf8' },
    )
    assert.is(status, 0, stderr)
    const found = JSON.parse(stdout.trim().split('\n').at(-1)!)
    console.log(`PEFT, ${name}: ${JSON.stringify(found)}`)
    // q, k and v are one layer
    const parts = targets.filter((target) => /\.[qkv]$/.test(target)).length
    assert.is(found.layers, config.vision.depth * (targets.length - parts + 1))
    assert.is(found.zero, 0, 'a layer whose B is zero was not loaded')
    assert.equal(found.warnings, [])
    assert.ok(found.changed > 1e-2, `the adapter changes the embedding by ${found.changed}`)
    assert.ok(found.embedding < 1e-5, `embedding: ${found.embedding}`)
    assert.ok(found.weights < 1e-6, `weights: ${found.weights}`)
  })

test.run()
