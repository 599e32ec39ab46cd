"""Run by hand: `python3 golden/check_shared.py DIR/NAME` recomputes NAME.golden.safetensors.

The file must have been written by another implementation (the public reference implementation): this is how reference.py
is verified.
"""
import json
import os
import sys

import torch

import tensors
from model import Model, outputs

TOLERANCE = 1e-6  # the stored tensors are rounded to float32


def main(stem):
    with open(stem + '.json') as f:
        config = json.load(f)
    checkpoint = os.path.join(os.path.dirname(stem), config['checkpoint']) if 'checkpoint' in config else stem + '.pth'
    golden = tensors.load(stem + '.golden.safetensors')
    got = outputs(Model(config, torch.load(checkpoint, map_location='cpu')), golden)
    worst = 0.0
    for name, value in got.items():
        if name in golden:
            error = tensors.rel_error(value, golden[name])
            worst = max(worst, error)
            print(f'{name:40s} {error:.2e}')
    print(f'worst {worst:.2e}, tolerance {TOLERANCE:.0e}')
    return worst < TOLERANCE


if __name__ == '__main__':
    sys.exit(0 if main(sys.argv[1]) else 1)
