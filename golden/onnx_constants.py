"""Reads the constant tensors of an ONNX file and the nodes that use them, with a minimal protobuf parser."""
import struct

import torch


def fields(data):
    """The (number, value) pairs of a protobuf message; a length-delimited value is a memoryview."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}[kind]
        yield key >> 3, data[at : at + size]
        at += size


def tensor(message):
    """A TensorProto as (name, tensor), None in the tensor's place if it is not raw float32."""
    dims, name, kind, raw = [], '', 0, None
    for number, value in fields(message):
        if number == 1:
            dims.append(value)
        elif number == 2:
            kind = value
        elif number == 8:
            name = bytes(value).decode()
        elif number == 9:
            raw = value
    if kind != 1 or raw is None:
        return name, None
    count = len(raw) // 4
    return name, torch.tensor(struct.unpack(f'<{count}f', raw)).reshape(dims)


def read(path):
    """(initialisers {name: tensor}, Constant nodes {node: tensor}, uses {(node, op): [input names]})."""
    with open(path, 'rb') as f:
        model = memoryview(f.read())
    initialisers, constants, uses = {}, {}, {}
    graph = next(value for number, value in fields(model) if number == 7)
    for number, value in fields(graph):
        if number == 5:
            name, t = tensor(value)
            initialisers[name] = t
        if number != 1:
            continue
        node = {'inputs': [], 'name': '', 'op': ''}
        for n, v in fields(value):
            if n == 1:
                node['inputs'].append(bytes(v).decode())
            elif n == 3:
                node['name'] = bytes(v).decode()
            elif n == 4:
                node['op'] = bytes(v).decode()
            elif n == 5 and node['op'] == 'Constant':
                for m, t in fields(v):
                    if m == 5:
                        constants[node['name']] = tensor(t)[1]
        uses[node['name']] = (node['op'], node['inputs'])
    return initialisers, constants, uses
