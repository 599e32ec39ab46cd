"""Reads and writes safetensors (an 8-byte length, a JSON header, raw little-endian data), and computes relative errors."""
import json
import struct

import torch


def save(path, tensors):
    """Writes a dict of tensors as F32, in the dict's order."""
    header, parts, end = {}, [], 0
    for name, t in tensors.items():
        data = t.detach().to(torch.float32).contiguous().numpy().tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(t.shape), 'data_offsets': [end, end + len(data)]}
        end += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + b''.join(parts))


def load(path):
    """Reads an F32 file as float64 tensors."""
    with open(path, 'rb') as f:
        size = struct.unpack('<Q', f.read(8))[0]
        header, data = json.loads(f.read(size)), bytearray(f.read())
    header.pop('__metadata__', None)
    return {
        name: torch.frombuffer(data[slice(*h['data_offsets'])], dtype=torch.float32).reshape(h['shape']).double()
        for name, h in header.items()
    }


def rel_error(a, b):
    """||a - b|| / ||b||."""
    return ((a - b).norm() / b.norm()).item()
