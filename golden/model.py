"""Runs a whole model and computes every output that a golden file can contain; README.md describes them."""
import torch

import reference as ref

ADAPTER = ('Aq', 'Bq', 'Av', 'Bv')


class Model:
    """`config` is the json of a golden file, `state` a state dict in the public names."""

    def __init__(self, config, state):
        vision = config['vision']
        self.vision = vision
        self.size = config.get('input') or vision['img']
        self.lora = config.get('lora') or {'r': 4, 'alpha': 8}
        self.w = ref.fold_batch_norms({k: t.double() for k, t in state.items() if t.is_floating_point()})
        tiny = vision.get('type') == 'tiny_vit'
        self.encoder = ref.tiny_vit_encoder if tiny else ref.vit_encoder
        self.stride = 4 if tiny and ref.pointwise_stem(self.w) else 16

    def encode(self, images, lora={}):
        return self.encoder(self.w, self.vision, images, lora)

    def decode(self, embedding, **prompts):
        return ref.mask_decoder(self.w, embedding, *ref.prompt_encoder(self.w, self.size, **prompts, stride=self.stride))


def adapters(tensors, scale):
    """{'<path>.Aq': ...} -> {path: {'Aq': ..., 'scale': ...}}."""
    out = {}
    for name, t in tensors.items():
        path, _, leaf = name.rpartition('.')
        if leaf in ADAPTER:
            out.setdefault(path, {'scale': scale})[leaf] = t
    return out


def entry_images(inputs):
    """The image of every entry of `target`: told by `image`, else one an image, else all of image 0."""
    entries = len(inputs['target'])
    if 'image' in inputs:
        return inputs['image'].long()
    return torch.arange(entries) if entries <= len(inputs['images']) else torch.zeros(entries, dtype=torch.long)


def outputs(model, inputs):
    """Everything computable from the inputs of a golden file, under its names."""
    out = {}
    with torch.no_grad():
        embedding = out['embedding'] = model.encode(inputs['images'])
        points = {'points': inputs['points'], 'labels': inputs['labels']}
        prompts = {'points': points}
        if 'boxes' in inputs:
            prompts['boxes'] = {'boxes': inputs['boxes']}
        if 'mask_input' in inputs:
            prompts['all'] = {**points, 'boxes': inputs['boxes'], 'masks': inputs['mask_input']}
        for kind, prompt in prompts.items():
            out[kind + '.masks'], out[kind + '.iou'] = model.decode(embedding[:1], **prompt)
    if 'target' in inputs:
        out.update(lora_outputs(model, inputs))
    return out


def lora_outputs(model, inputs):
    """lora.* and the gradient of lora.loss for every adapter matrix among the inputs."""
    leaves = {k: t.clone().requires_grad_() for k, t in inputs.items() if k.rpartition('.')[2] in ADAPTER}
    lora = adapters(leaves, model.lora['alpha'] / model.lora['r'])
    entries, image = len(inputs['target']), entry_images(inputs)
    embedding = model.encode(inputs['images'], lora)[image]
    masks, _ = model.decode(embedding, points=inputs['points'][:entries], labels=inputs['labels'][:entries])
    logits = masks[:, :1]
    dice, bce = ref.loss(logits, inputs['target'])
    grads = torch.autograd.grad(dice + bce, list(leaves.values()))
    out = {'lora.logits': logits, 'lora.dice': dice[None], 'lora.bce': bce[None], 'lora.loss': (dice + bce)[None]}
    for name, grad in zip(leaves, grads):
        out[name + '.grad'] = grad
    return {k: t.detach() for k, t in out.items()}
