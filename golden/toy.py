"""Random toy checkpoints and inputs. Every value is float32, so that the stored values are exactly those used."""
import torch


class Random:
    """A seeded source of tensors without trivial values (norm weights are not 1, biases and LoRA's B not 0)."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, std=1.0, mean=0.0):
        return torch.randn(*shape, generator=self.generator) * std + mean

    def uniform(self, *shape):
        return torch.rand(*shape, generator=self.generator)

    def weight(self, *shape, fan_in=None):
        fan_in = fan_in or torch.Size(shape[1:]).numel()
        return self.normal(*shape, std=fan_in**-0.5)

    def linear(self, state, p, fan_out, fan_in):
        state[p + '.weight'] = self.weight(fan_out, fan_in)
        state[p + '.bias'] = self.normal(fan_out, std=0.2)

    def norm(self, state, p, dim):
        state[p + '.weight'] = self.normal(dim, std=0.25, mean=1.0)
        state[p + '.bias'] = self.normal(dim, std=0.2)

    def conv(self, state, p, *shape, bias=True, fan_in=None):
        state[p + '.weight'] = self.weight(*shape, fan_in=fan_in)
        if bias:
            state[p + '.bias'] = self.normal(shape[0], std=0.2)

    def conv_bn(self, state, p, out, fan_in, kernel):
        """MobileSAM's convolution without bias and its BatchNorm."""
        state[p + '.c.weight'] = self.weight(out, fan_in, kernel, kernel) * 1.4
        state[p + '.bn.weight'] = self.normal(out, std=0.25, mean=1.0)
        state[p + '.bn.bias'] = self.normal(out, std=0.2)
        state[p + '.bn.running_mean'] = self.normal(out, std=0.2)
        state[p + '.bn.running_var'] = self.uniform(out) + 0.5
        state[p + '.bn.num_batches_tracked'] = torch.tensor(1)

    def neck(self, state, p, out, dim):
        self.conv(state, p + '.0', out, dim, 1, 1, bias=False)
        self.norm(state, p + '.1', out)
        self.conv(state, p + '.2', out, out, 3, 3, bias=False)
        self.norm(state, p + '.3', out)

    def images(self, n, size):
        """Smooth blobs and noise, whole values in 0..255."""
        coarse = self.uniform(n, 3, 5, 5)
        smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode='bicubic', align_corners=False)
        return (255 * (0.85 * smooth + 0.15 * self.uniform(n, 3, size, size))).clamp(0, 255).round()

    def targets(self, n, size):
        """Binary discs."""
        c = torch.arange(size) + 0.5
        centre, radius = (self.uniform(n, 2, 1, 1) * 0.5 + 0.25) * size, (self.uniform(n, 1, 1) * 0.2 + 0.15) * size
        inside = (c - centre[:, 0]) ** 2 + (c[:, None] - centre[:, 1]) ** 2 < radius**2
        return inside[:, None].float()

    def points(self, n, k, size):
        return (self.uniform(n, k, 2) * size).floor()

    def boxes(self, n, size):
        corner = (self.uniform(n, 2) * size / 2).floor()
        return torch.cat([corner, corner + 4 + (self.uniform(n, 2) * (size / 2 - 5)).floor()], 1)

    def adapter(self, p, dim, rank):
        """q and v of one attention block."""
        out = {}
        for c in 'qv':
            out[f'{p}.A{c}'] = self.weight(rank, dim)
            out[f'{p}.B{c}'] = self.normal(dim, rank, std=0.3)
        return out


def vit_encoder(rng, vision, out):
    state, p, dim = {}, 'image_encoder.', vision['dim']
    grid, head_dim = vision['img'] // 16, dim // vision['heads']
    state[p + 'pos_embed'] = rng.normal(1, grid, grid, dim, std=0.5)
    rng.conv(state, p + 'patch_embed.proj', dim, 3, 16, 16)
    for i in range(vision['depth']):
        b = f'{p}blocks.{i}.'
        length = 2 * (grid if i in vision['global'] else vision['window']) - 1
        rng.norm(state, b + 'norm1', dim)
        state[b + 'attn.rel_pos_h'] = rng.normal(length, head_dim, std=0.25)
        state[b + 'attn.rel_pos_w'] = rng.normal(length, head_dim, std=0.25)
        rng.linear(state, b + 'attn.qkv', 3 * dim, dim)
        rng.linear(state, b + 'attn.proj', dim, dim)
        rng.norm(state, b + 'norm2', dim)
        rng.linear(state, b + 'mlp.lin1', 4 * dim, dim)
        rng.linear(state, b + 'mlp.lin2', dim, 4 * dim)
    rng.neck(state, p + 'neck', out, dim)
    return state


def attention_bias_idxs(size):
    """The buffer some exports keep: (|dy|, |dx|) of every pair, numbered in order of appearance."""
    y, x = torch.arange(size * size) // size, torch.arange(size * size) % size
    return (y[:, None] - y).abs() * size + (x[:, None] - x).abs()


def tiny_vit_encoder(rng, vision, out):
    state, p, dims = {}, 'image_encoder.', vision['dims']
    kernel = vision.get('stem', 3)
    rng.conv_bn(state, p + 'patch_embed.seq.0', dims[0] // 2, 3, kernel)
    rng.conv_bn(state, p + 'patch_embed.seq.2', dims[0], dims[0] // 2, kernel)
    for s, dim in enumerate(dims):
        for i in range(vision['depths'][s]):
            b = f'{p}layers.{s}.blocks.{i}.'
            if s == 0:
                rng.conv_bn(state, b + 'conv1', 4 * dim, dim, 1)
                rng.conv_bn(state, b + 'conv2', 4 * dim, 1, 3)
                rng.conv_bn(state, b + 'conv3', dim, 4 * dim, 1)
                continue
            window = vision['windows'][s]
            state[b + 'attn.attention_biases'] = rng.normal(vision['heads'][s], window * window, std=0.5)
            if s == 1:  # not in every file: a reader must do with it and without
                state[b + 'attn.attention_bias_idxs'] = attention_bias_idxs(window)
            rng.norm(state, b + 'attn.norm', dim)
            rng.linear(state, b + 'attn.qkv', 3 * dim, dim)
            rng.linear(state, b + 'attn.proj', dim, dim)
            rng.norm(state, b + 'mlp.norm', dim)
            rng.linear(state, b + 'mlp.fc1', 4 * dim, dim)
            rng.linear(state, b + 'mlp.fc2', dim, 4 * dim)
            rng.conv_bn(state, b + 'local_conv', dim, 1, 3)
        if s < len(dims) - 1:
            d = f'{p}layers.{s}.downsample.'
            rng.conv_bn(state, d + 'conv1', dims[s + 1], dim, 1)
            rng.conv_bn(state, d + 'conv2', dims[s + 1], 1, 3)
            rng.conv_bn(state, d + 'conv3', dims[s + 1], dims[s + 1], 1)
    rng.norm(state, p + 'norm_head', dims[-1])  # the classifier that SAM never runs, but the file holds
    rng.linear(state, p + 'head', 3, dims[-1])
    rng.neck(state, p + 'neck', out, dims[-1])
    return state


def prompt_encoder(rng, dim):
    state, p = {}, 'prompt_encoder.'
    state[p + 'pe_layer.positional_encoding_gaussian_matrix'] = rng.normal(2, dim // 2)
    for i in range(4):
        state[f'{p}point_embeddings.{i}.weight'] = rng.normal(1, dim)
    state[p + 'not_a_point_embed.weight'] = rng.normal(1, dim)
    m = p + 'mask_downscaling.'
    rng.conv(state, m + '0', 4, 1, 2, 2)
    rng.norm(state, m + '1', 4)
    rng.conv(state, m + '3', 16, 4, 2, 2)
    rng.norm(state, m + '4', 16)
    rng.conv(state, m + '6', dim, 16, 1, 1)
    state[p + 'no_mask_embed.weight'] = rng.normal(1, dim)
    return state


def mask_decoder(rng, dim, mlp):
    state, p = {}, 'mask_decoder.'
    t = p + 'transformer.'

    def attention(name, inner):
        for c in 'qkv':
            rng.linear(state, f'{name}.{c}_proj', inner, dim)
        rng.linear(state, name + '.out_proj', dim, inner)

    for i in range(2):
        b = f'{t}layers.{i}.'
        attention(b + 'self_attn', dim)
        rng.norm(state, b + 'norm1', dim)
        attention(b + 'cross_attn_token_to_image', dim // 2)
        rng.norm(state, b + 'norm2', dim)
        rng.linear(state, b + 'mlp.lin1', mlp, dim)
        rng.linear(state, b + 'mlp.lin2', dim, mlp)
        rng.norm(state, b + 'norm3', dim)
        rng.norm(state, b + 'norm4', dim)
        attention(b + 'cross_attn_image_to_token', dim // 2)
    attention(t + 'final_attn_token_to_image', dim // 2)
    rng.norm(state, t + 'norm_final_attn', dim)
    state[p + 'iou_token.weight'] = rng.normal(1, dim)
    state[p + 'mask_tokens.weight'] = rng.normal(4, dim)
    u = p + 'output_upscaling.'
    state[u + '0.weight'] = rng.weight(dim, dim // 4, 2, 2, fan_in=dim)  # (in, out, k, k)
    state[u + '0.bias'] = rng.normal(dim // 4, std=0.2)
    rng.norm(state, u + '1', dim // 4)
    state[u + '3.weight'] = rng.weight(dim // 4, dim // 8, 2, 2, fan_in=dim // 4)
    state[u + '3.bias'] = rng.normal(dim // 8, std=0.2)
    for head in [f'{p}output_hypernetworks_mlps.{i}' for i in range(4)] + [p + 'iou_prediction_head']:
        rng.linear(state, head + '.layers.0', dim, dim)
        rng.linear(state, head + '.layers.1', dim, dim)
        rng.linear(state, head + '.layers.2', 4 if 'iou' in head else dim // 8, dim)
        state[head + '.layers.2.weight'] *= 3  # logits that leave the sigmoid's linear part
    return state


def checkpoint(rng, config):
    """A whole state dict for the json of a golden file."""
    vision, decoder = config['vision'], config['decoder']
    encoder = tiny_vit_encoder if vision.get('type') == 'tiny_vit' else vit_encoder
    return {
        **encoder(rng, vision, decoder['dim']),
        **prompt_encoder(rng, decoder['dim']),
        **mask_decoder(rng, decoder['dim'], decoder['mlp']),
    }


def adapters(rng, config):
    """q and v of every attention block of the encoder."""
    vision, rank, out = config['vision'], config['lora']['r'], {}
    if vision.get('type') == 'tiny_vit':
        for s in range(1, len(vision['depths'])):
            for b in range(vision['depths'][s]):
                out.update(rng.adapter(f'layers.{s}.blocks.{b}.attn', vision['dims'][s], rank))
    else:
        for i in range(vision['depth']):
            out.update(rng.adapter(f'blocks.{i}', vision['dim'], rank))
    return out
