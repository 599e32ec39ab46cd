"""SAM in float64, one plain function per module, from a state dict with the names of the public reference implementation.

`w` is always the state dict (name -> float64 tensor), `p` the prefix of a module in it. Encoders take images
(b, 3, S, S) of 0..255 and return the embedding (b, C, S/16, S/16); LiteMedSAM's is (b, C, S/4, S/4). `lora` maps the path of an attention block to its
adapter: {'Aq', 'Bq', 'Av', 'Bv', 'scale'}.
"""
import math

import torch
import torch.nn.functional as F

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def linear(w, p, x):
    return F.linear(x, w[p + '.weight'], w[p + '.bias'])


def layer_norm(w, p, x, eps):
    return F.layer_norm(x, x.shape[-1:], w[p + '.weight'], w[p + '.bias'], eps)


def layer_norm_2d(w, p, x):
    """Over the channels of (b, C, h, w), biased variance."""
    return layer_norm(w, p, x.permute(0, 2, 3, 1), 1e-6).permute(0, 3, 1, 2)


def normalise(images):
    mean, std = (torch.tensor(c, dtype=images.dtype).view(3, 1, 1) for c in (PIXEL_MEAN, PIXEL_STD))
    return (images - mean) / std


def windowed(x, size, attend):
    """Runs attend((n, size, size, C)) over the windows of x (b, h, w, C), zero-padded right and bottom."""
    b, h, w, _ = x.shape
    x = F.pad(x, (0, 0, 0, -w % size, 0, -h % size))
    rows, cols = x.shape[1] // size, x.shape[2] // size
    x = x.reshape(b, rows, size, cols, size, -1).transpose(2, 3).reshape(b * rows * cols, size, size, -1)
    x = attend(x).reshape(b, rows, cols, size, size, -1).transpose(2, 3)
    return x.reshape(b, rows * size, cols * size, -1)[:, :h, :w]


def lora_delta(adapter, x):
    """What the adapter adds to q and to v."""
    return tuple(adapter['scale'] * (x @ adapter['A' + c].T @ adapter['B' + c].T) for c in 'qv')


def neck(w, p, x):
    """x (b, C, h, w) -> (b, out, h, w)."""
    x = layer_norm_2d(w, p + '.1', F.conv2d(x, w[p + '.0.weight']))
    return layer_norm_2d(w, p + '.3', F.conv2d(x, w[p + '.2.weight'], padding=1))


# ---- plain ViT ----


def relative_positions(table, length):
    """The (2S-1, d) table, interpolated where the attention is not its size, as (query, key, d)."""
    if table.shape[0] != 2 * length - 1:
        table = F.interpolate(table.T[None], size=2 * length - 1, mode='linear', align_corners=False)[0].T
    index = torch.arange(length)
    return table[index[:, None] - index[None, :] + length - 1]


def vit_attention(w, p, x, heads, adapter=None):
    """x (b, h, w, C): attention within each of the b, with decomposed relative positions from the unscaled q."""
    b, h, wd, dim = x.shape
    q, k, v = linear(w, p + '.qkv', x).split(dim, -1)
    if adapter:
        dq, dv = lora_delta(adapter, x)
        q, v = q + dq, v + dv
    q, k, v = (t.reshape(b, h, wd, heads, -1).permute(0, 3, 1, 2, 4) for t in (q, k, v))  # (b, heads, h, w, d)
    logits = torch.einsum('bnhwd,bnkld->bnhwkl', q, k) * q.shape[-1] ** -0.5
    logits = logits + torch.einsum('bnhwd,hkd->bnhwk', q, relative_positions(w[p + '.rel_pos_h'], h))[..., None]
    logits = logits + torch.einsum('bnhwd,wld->bnhwl', q, relative_positions(w[p + '.rel_pos_w'], wd))[..., None, :]
    a = logits.flatten(-2).softmax(-1).view_as(logits)
    out = torch.einsum('bnhwkl,bnkld->bhwnd', a, v)
    return linear(w, p + '.proj', out.flatten(-2))


def vit_block(w, p, x, heads, window, adapter=None):
    """window 0 is global attention. The padding comes after norm1: a padded token is qkv's bias."""
    attend = lambda t: vit_attention(w, p + '.attn', t, heads, adapter)
    n = layer_norm(w, p + '.norm1', x, 1e-6)
    x = x + (windowed(n, window, attend) if window else attend(n))
    n = layer_norm(w, p + '.norm2', x, 1e-6)
    return x + linear(w, p + '.mlp.lin2', F.gelu(linear(w, p + '.mlp.lin1', n)))


def vit_encoder(w, vision, images, lora):
    x = normalise(images)
    x = F.conv2d(x, w['image_encoder.patch_embed.proj.weight'], w['image_encoder.patch_embed.proj.bias'], stride=16)
    position = w['image_encoder.pos_embed'].permute(0, 3, 1, 2)
    if position.shape[2:] != x.shape[2:]:
        position = F.interpolate(position, size=x.shape[2:], mode='bilinear', align_corners=False)
    x = (x + position).permute(0, 2, 3, 1)
    for i in range(vision['depth']):
        window = 0 if i in vision['global'] else vision['window']
        x = vit_block(w, f'image_encoder.blocks.{i}', x, vision['heads'], window, lora.get(f'blocks.{i}'))
    return neck(w, 'image_encoder.neck', x.permute(0, 3, 1, 2))


# ---- TinyViT; `w` has its BatchNorms folded: '<conv>.weight', '<conv>.bias' ----


def fold_batch_norms(w):
    """'<p>.c.weight' with '<p>.bn.*' (eps 1e-5) becomes '<p>.weight' and '<p>.bias'; the rest is kept."""
    out = {}
    for name, t in w.items():
        if name.endswith('.c.weight'):
            p = name[: -len('.c.weight')]
            gain = w[p + '.bn.weight'] / torch.sqrt(w[p + '.bn.running_var'] + 1e-5)
            out[p + '.weight'] = t * gain.view(-1, 1, 1, 1)
            out[p + '.bias'] = w[p + '.bn.bias'] - w[p + '.bn.running_mean'] * gain
        elif '.bn.' not in name:
            out[name] = t
    return out


def conv(w, p, x, stride=1):
    """1x1 or 3x3, dense or depthwise: the weight tells."""
    weight = w[p + '.weight']
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, w[p + '.bias'], stride, weight.shape[-1] // 2, groups=groups)


def mbconv(w, p, x):
    y = F.gelu(conv(w, p + '.conv1', x))
    y = F.gelu(conv(w, p + '.conv2', y))
    return F.gelu(conv(w, p + '.conv3', y) + x)


def patch_merging(w, p, x, stride):
    x = F.gelu(conv(w, p + '.conv1', x))
    x = F.gelu(conv(w, p + '.conv2', x, stride))
    return conv(w, p + '.conv3', x)


def tiny_attention(w, p, x, adapter=None):
    """x (n, s, s, C), not yet normed; qkv lies per head as [q | k | v]."""
    n, size, _, dim = x.shape
    table = w[p + '.attention_biases']  # (heads, size * size), by (|dy|, |dx|)
    heads = table.shape[0]
    x = layer_norm(w, p + '.norm', x.reshape(n, size * size, dim), 1e-5)
    q, k, v = linear(w, p + '.qkv', x).view(n, size * size, heads, 3, -1).unbind(3)
    if adapter:
        dq, dv = lora_delta(adapter, x)
        q, v = q + dq.view_as(q), v + dv.view_as(v)
    y, xx = torch.arange(size * size) // size, torch.arange(size * size) % size
    offsets = (y[:, None] - y).abs() * size + (xx[:, None] - xx).abs()
    logits = torch.einsum('nqhd,nkhd->nhqk', q, k) * q.shape[-1] ** -0.5 + table[:, offsets]
    out = torch.einsum('nhqk,nkhd->nqhd', logits.softmax(-1), v)
    return linear(w, p + '.proj', out.flatten(2)).view(n, size, size, dim)


def tiny_block(w, p, x, window, adapter=None):
    """x (b, C, h, w). The norm sits inside the attention, so padding comes before it."""
    t = x.permute(0, 2, 3, 1)
    t = t + windowed(t, window, lambda s: tiny_attention(w, p + '.attn', s, adapter))
    x = conv(w, p + '.local_conv', t.permute(0, 3, 1, 2))
    t = x.permute(0, 2, 3, 1)
    n = layer_norm(w, p + '.mlp.norm', t, 1e-5)
    return x + linear(w, p + '.mlp.fc2', F.gelu(linear(w, p + '.mlp.fc1', n))).permute(0, 3, 1, 2)


def pointwise_stem(w):
    """LiteMedSAM: 1x1 convolutions with stride 1 in the place of 3x3 with stride 2, and pixels scaled to 0..1."""
    return w['image_encoder.patch_embed.seq.0.weight'].shape[-1] == 1


def tiny_vit_encoder(w, vision, images, lora):
    p = 'image_encoder.'
    x, stride = (images / 255, 1) if pointwise_stem(w) else (normalise(images), 2)
    x = F.gelu(conv(w, p + 'patch_embed.seq.0', x, stride))
    x = conv(w, p + 'patch_embed.seq.2', x, stride)
    stages = len(vision['depths'])
    for s, depth in enumerate(vision['depths']):
        for b in range(depth):
            name = f'layers.{s}.blocks.{b}'
            if s == 0:
                x = mbconv(w, p + name, x)
            else:
                x = tiny_block(w, p + name, x, vision['windows'][s], lora.get(name + '.attn'))
        if s < stages - 1:  # the last merge keeps the grid, so that it ends at a sixteenth
            x = patch_merging(w, f'{p}layers.{s}.downsample', x, 1 if s == stages - 2 else 2)
    return neck(w, p + 'neck', x)


# ---- prompt encoder ----


def encode_position(w, xy):
    """xy in 0..1, (..., 2) -> (..., C)."""
    t = 2 * math.pi * ((2 * xy - 1) @ w['prompt_encoder.pe_layer.positional_encoding_gaussian_matrix'])
    return torch.cat([t.sin(), t.cos()], -1)


def dense_position(w, grid):
    """(1, C, grid, grid)."""
    c = (torch.arange(grid, dtype=torch.float64) + 0.5) / grid
    y, x = torch.meshgrid(c, c, indexing='ij')
    return encode_position(w, torch.stack([x, y], -1)).permute(2, 0, 1)[None]


def prompt_encoder(w, size, points=None, labels=None, boxes=None, masks=None, stride=16):
    """points (n, k, 2), boxes (n, 4) in pixels, masks (n, 1, 4g, 4g): sparse (n, t, C), dense (n, C, g, g)."""
    p, grid = 'prompt_encoder.', size // stride
    n = len(points if points is not None else boxes)
    sparse = []
    if points is not None:
        xy = (points + 0.5) / size
        if boxes is None:
            xy = torch.cat([xy, torch.zeros(n, 1, 2, dtype=xy.dtype)], 1)
            labels = torch.cat([labels, -torch.ones(n, 1, dtype=labels.dtype)], 1)
        kind = labels[..., None]
        e = torch.where(kind == -1, w[p + 'not_a_point_embed.weight'], encode_position(w, xy))
        for i in (0, 1):
            e = e + (kind == i) * w[f'{p}point_embeddings.{i}.weight']
        sparse.append(e)
    if boxes is not None:
        corners = encode_position(w, (boxes.view(n, 2, 2) + 0.5) / size)
        sparse.append(corners + torch.stack([w[f'{p}point_embeddings.{i}.weight'][0] for i in (2, 3)]))
    if masks is None:
        dense = w[p + 'no_mask_embed.weight'].view(1, -1, 1, 1).expand(n, -1, grid, grid)
    else:
        q = p + 'mask_downscaling.'
        for i in (0, 3):
            masks = F.conv2d(masks, w[f'{q}{i}.weight'], w[f'{q}{i}.bias'], stride=2)
            masks = F.gelu(layer_norm_2d(w, f'{q}{i + 1}', masks))
        dense = F.conv2d(masks, w[q + '6.weight'], w[q + '6.bias'])
    return torch.cat(sparse, 1), dense


# ---- mask decoder ----


def decoder_attention(w, p, q, k, v, heads=8):
    """(n, t, C) each; the projections may narrow C."""
    q, k, v = (linear(w, f'{p}.{c}_proj', t) for c, t in zip('qkv', (q, k, v)))
    q, k, v = (t.view(*t.shape[:2], heads, -1).transpose(1, 2) for t in (q, k, v))
    a = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1)
    return linear(w, p + '.out_proj', (a @ v).transpose(1, 2).flatten(2))


def decoder_layer(w, p, tokens, source, token_pe, source_pe, first):
    """One layer of the two-way transformer. In the first, self-attention has neither position nor residual."""
    norm = lambda i, t: layer_norm(w, f'{p}.norm{i}', t, 1e-5)
    if first:
        tokens = decoder_attention(w, p + '.self_attn', tokens, tokens, tokens)
    else:
        q = tokens + token_pe
        tokens = tokens + decoder_attention(w, p + '.self_attn', q, q, tokens)
    tokens = norm(1, tokens)
    q, k = tokens + token_pe, source + source_pe
    tokens = norm(2, tokens + decoder_attention(w, p + '.cross_attn_token_to_image', q, k, source))
    tokens = norm(3, tokens + linear(w, p + '.mlp.lin2', F.relu(linear(w, p + '.mlp.lin1', tokens))))
    q, k = source + source_pe, tokens + token_pe
    source = norm(4, source + decoder_attention(w, p + '.cross_attn_image_to_token', q, k, tokens))
    return tokens, source


def relu_mlp(w, p, x):
    return linear(w, p + '.layers.2', F.relu(linear(w, p + '.layers.1', F.relu(linear(w, p + '.layers.0', x)))))


def mask_decoder(w, embedding, sparse, dense):
    """embedding (n or 1, C, g, g), one a prompt: logits (n, 4, 4g, 4g) of all mask tokens, iou (n, 4)."""
    p = 'mask_decoder.'
    n, grid = len(sparse), embedding.shape[-1]
    tokens = torch.cat([w[p + 'iou_token.weight'], w[p + 'mask_tokens.weight']])
    token_pe = tokens = torch.cat([tokens.expand(n, -1, -1), sparse], 1)
    source = (embedding + dense).flatten(2).transpose(1, 2)
    source_pe = dense_position(w, grid).flatten(2).transpose(1, 2)
    t = p + 'transformer.'
    for i in range(2):
        tokens, source = decoder_layer(w, f'{t}layers.{i}', tokens, source, token_pe, source_pe, i == 0)
    a = decoder_attention(w, t + 'final_attn_token_to_image', tokens + token_pe, source + source_pe, source)
    tokens = layer_norm(w, t + 'norm_final_attn', tokens + a, 1e-5)
    u = p + 'output_upscaling.'
    x = source.transpose(1, 2).reshape(n, -1, grid, grid)
    x = F.gelu(layer_norm_2d(w, u + '1', F.conv_transpose2d(x, w[u + '0.weight'], w[u + '0.bias'], 2)))
    x = F.gelu(F.conv_transpose2d(x, w[u + '3.weight'], w[u + '3.bias'], 2))
    hyper = [relu_mlp(w, f'{p}output_hypernetworks_mlps.{i}', tokens[:, 1 + i]) for i in range(4)]
    masks = torch.einsum('nmc,nchw->nmhw', torch.stack(hyper, 1), x)
    return masks, relu_mlp(w, p + 'iou_prediction_head', tokens[:, 0])


# ---- loss ----


def loss(logits, target):
    """Both (n, 1, h, w): dice, a mean over the entries, and the mean binary cross-entropy; the loss is their sum."""
    prob = logits.sigmoid()
    both, either = (prob * target).flatten(1).sum(1), (prob + target).flatten(1).sum(1)
    dice = (1 - (2 * both + 1) / (either + 1)).mean()
    return dice, F.binary_cross_entropy_with_logits(logits, target)
