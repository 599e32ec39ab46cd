"""Golden tensors of one module at a time: its output for a random input, and the gradients for a random output gradient.

The weights are those of the toy checkpoints; blocks.json contains the checkpoint and the module path of every key.
"""
import json

import torch

import reference as ref
import tensors
from toy import Random


class Blocks:
    def __init__(self, seed):
        self.rng, self.tensors, self.index = Random(seed), {}, {}

    def inputs(self, key, **shapes):
        """Random inputs, stored as KEY.<name>, as float64 leaves."""
        out = {}
        for name, shape in shapes.items():
            self.tensors[f'{key}.{name}'] = self.rng.normal(*shape)
            out[name] = self.tensors[f'{key}.{name}'].double().requires_grad_()
        return out

    def adapter(self, key, dim, rank, scale):
        stored = {k: t for k, t in self.rng.adapter(key, dim, rank).items()}
        self.tensors.update(stored)
        return {'scale': scale, **{k.rpartition('.')[2]: t.double().requires_grad_() for k, t in stored.items()}}

    def finish(self, key, leaves, results, **about):
        """Stores KEY.<result>, a random KEY.d<result>, and the gradient KEY.d<leaf> of every leaf."""
        grads = []
        for name, value in results.items():
            self.tensors[f'{key}.{name}'] = value
            grads.append(self.rng.normal(*value.shape))
            self.tensors[f'{key}.d{name}'] = grads[-1]
        back = torch.autograd.grad(list(results.values()), list(leaves.values()), [g.double() for g in grads])
        for name, grad in zip(leaves, back):
            self.tensors[f'{key}.{name}.grad' if name[0] in 'AB' else f'{key}.d{name}'] = grad
        self.index[key] = about


def leaves_of(adapter):
    return {k: t for k, t in adapter.items() if k != 'scale'}


def encoder_blocks(out, vit, tiny):
    rank, alpha = 3, 6
    lora = {'r': rank, 'alpha': alpha}
    for key, i, window in (('vit_window', 0, vit.vision['window']), ('vit_global', 1, 0)):
        path = f'image_encoder.blocks.{i}'
        x, a = out.inputs(key, x=(2, 6, 6, 32)), out.adapter(key, 32, rank, alpha / rank)
        y = ref.vit_block(vit.w, path, x['x'], vit.vision['heads'], window, a)
        about = {'checkpoint': 'toy_vit.pth', 'path': path, 'heads': vit.vision['heads'], 'window': window}
        out.finish(key, {**x, **leaves_of(a)}, {'out': y}, **about, lora=lora)

    x = out.inputs('neck', x=(2, 32, 6, 6))
    path = 'image_encoder.neck'
    out.finish('neck', x, {'out': ref.neck(vit.w, path, x['x'])}, checkpoint='toy_vit.pth', path=path)

    path = 'image_encoder.layers.3.blocks.0'
    x, a = out.inputs('tiny_block', x=(2, 64, 5, 5)), out.adapter('tiny_block', 64, rank, alpha / rank)
    y = ref.tiny_block(tiny.w, path, x['x'], tiny.vision['windows'][3], a)
    about = {'checkpoint': 'toy_tiny_vit.pth', 'path': path, 'heads': tiny.vision['heads'][3]}
    about['window'] = tiny.vision['windows'][3]
    out.finish('tiny_block', {**x, **leaves_of(a)}, {'out': y}, **about, lora=lora)

    path = 'image_encoder.layers.0.blocks.0'
    x = out.inputs('mbconv', x=(2, 16, 7, 7))
    out.finish('mbconv', x, {'out': ref.mbconv(tiny.w, path, x['x'])}, checkpoint='toy_tiny_vit.pth', path=path)

    for key, stage, shape, stride in (('merge_half', 0, (2, 16, 7, 7), 2), ('merge_keep', 2, (2, 32, 6, 6), 1)):
        path = f'image_encoder.layers.{stage}.downsample'
        x = out.inputs(key, x=shape)
        y = ref.patch_merging(tiny.w, path, x['x'], stride)
        out.finish(key, x, {'out': y}, checkpoint='toy_tiny_vit.pth', path=path, stride=stride)


def prompts(out, vit):
    """Forward only: nothing before the prompt encoder learns."""
    key, size, n = 'prompt_encoder', vit.size, 3
    points, boxes = out.rng.points(n, 2, size), out.rng.boxes(n, size)
    labels = torch.tensor([[1.0, 0], [0, 1], [1, -1]])
    masks = out.rng.normal(n, 1, size // 4, size // 4, std=3)
    given = {'points': points, 'labels': labels, 'boxes': boxes, 'masks': masks}
    out.tensors.update({f'{key}.{k}': t for k, t in given.items()})
    point = {'points': points.double(), 'labels': labels.double()}
    cases = {'points': point, 'boxes': {'boxes': boxes.double()}}
    cases['all'] = {**point, **cases['boxes'], 'masks': masks.double()}
    for case, given in cases.items():
        sparse, dense = ref.prompt_encoder(vit.w, size, **given)
        out.tensors[f'{key}.{case}.sparse'] = sparse
        if case == 'all':
            out.tensors[f'{key}.{case}.dense'] = dense
    out.tensors[key + '.dense_position'] = ref.dense_position(vit.w, size // 16)
    out.index[key] = {'checkpoint': 'toy_vit.pth', 'path': key, 'size': size}


def decoder_blocks(out, vit):
    layers = 'mask_decoder.transformer.layers.'
    attention = layers + '0.cross_attn_token_to_image'
    x = out.inputs('decoder_attention', q=(2, 7, 32), k=(2, 16, 32), v=(2, 16, 32))
    y = ref.decoder_attention(vit.w, attention, **x)
    out.finish('decoder_attention', x, {'out': y}, checkpoint='toy_vit.pth', path=attention)
    for i in (0, 1):
        key, shapes = f'decoder_layer{i}', {'tokens': (2, 7, 32), 'source': (2, 16, 32)}
        x = out.inputs(key, **shapes)
        position = {k: t.detach() for k, t in out.inputs(key, token_pe=(2, 7, 32), source_pe=(1, 16, 32)).items()}
        tokens, source = ref.decoder_layer(vit.w, f'{layers}{i}', **x, **position, first=i == 0)
        results = {'tokens_out': tokens, 'source_out': source}
        out.finish(key, x, results, checkpoint='toy_vit.pth', path=f'{layers}{i}')
    x = out.inputs('mask_decoder', embedding=(2, 32, 4, 4))
    rest = {k: t.detach() for k, t in out.inputs('mask_decoder', sparse=(2, 2, 32), dense=(2, 32, 4, 4)).items()}
    masks, iou = ref.mask_decoder(vit.w, **x, **rest)
    out.finish('mask_decoder', x, {'masks': masks, 'iou': iou}, checkpoint='toy_vit.pth', path='mask_decoder')


def losses(out):
    """Entries: usual; an empty target; a full one with large logits, where a naive sigmoid or log overflows."""
    logits = out.rng.normal(3, 1, 8, 8, std=2)
    logits[2] *= 50
    target = out.rng.targets(3, 8)
    target[1], target[2] = 0, 1
    out.tensors.update({'loss.logits': logits, 'loss.target': target})
    x = logits.double().requires_grad_()
    for name, value in zip(('dice', 'bce'), ref.loss(x, target.double())):
        out.tensors['loss.' + name] = value[None]
        out.tensors[f'loss.{name}.dlogits'] = torch.autograd.grad(value, x, retain_graph=True)[0]
    out.index['loss'] = {'smooth': 1}


def optimisers(out):
    """Three steps of torch.optim's Adam (decay in the gradient) and AdamW (decoupled), then clipping by norm."""
    lr, decay = 0.05, 0.01
    start, grads = out.rng.normal(4, 5), out.rng.normal(3, 4, 5)
    out.tensors.update({'optimiser.param': start, 'optimiser.grads': grads})
    for name, kind in (('adam', torch.optim.Adam), ('adamw', torch.optim.AdamW)):
        p = torch.nn.Parameter(start.double())
        optimiser = kind([p], lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
        for step, grad in enumerate(grads.double(), 1):
            p.grad = grad.clone()
            optimiser.step()
            out.tensors[f'optimiser.{name}.step{step}'] = p.detach().clone()
        for moment in ('exp_avg', 'exp_avg_sq'):
            out.tensors[f'optimiser.{name}.{moment}'] = optimiser.state[p][moment]
    out.index['optimiser'] = {'lr': lr, 'betas': [0.9, 0.999], 'eps': 1e-8, 'weight_decay': decay}

    parts = {'a': out.rng.normal(4, 5), 'b': out.rng.normal(7)}
    out.tensors.update({f'clip.{k}': t for k, t in parts.items()})
    limits = {'low': 1.5, 'high': 100.0}  # the second leaves the gradients alone
    for case, limit in limits.items():
        leaves = [torch.nn.Parameter(torch.zeros_like(t).double()) for t in parts.values()]
        for leaf, grad in zip(leaves, parts.values()):
            leaf.grad = grad.double().clone()
        out.tensors['clip.norm'] = torch.nn.utils.clip_grad_norm_(leaves, limit)[None]
        out.tensors.update({f'clip.{case}.{k}': leaf.grad for k, leaf in zip(parts, leaves)})
    out.index['clip'] = {'max_norm': limits}


def write(stem, vit, tiny, tolerance):
    seed = 41
    out = Blocks(seed)
    encoder_blocks(out, vit, tiny)
    prompts(out, vit)
    decoder_blocks(out, vit)
    losses(out)
    optimisers(out)
    tensors.save(stem + '.golden.safetensors', out.tensors)
    with open(stem + '.json', 'w') as f:
        f.write(json.dumps({'blocks': out.index, 'seed': seed, 'tolerance': tolerance}, indent=1) + '\n')
    print('blocks')
