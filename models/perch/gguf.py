"""A small GGUF (version 3) writer and reader: what convert.py and reference.py need, in numpy alone."""
import struct

import numpy as np

F32, F16, Q8_0 = 0, 1, 8
_U32, _I32, _FLOAT, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9


def quantize_q8_0(x):
    """Rows of f32 to qblocks of 32: f16 d = max|w| / 127, int8 q = round(w / d)."""
    blocks = x.reshape(-1, 32).astype(np.float32)
    d = (np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)).astype(np.float32)
    inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d != 0)
    q = np.rint(blocks * inverse).astype(np.int8)
    out = np.empty((len(blocks), 34), np.uint8)
    out[:, :2] = d.astype(np.float16).view(np.uint8)
    out[:, 2:] = q.view(np.uint8)
    return out.reshape(-1)


def dequantize_q8_0(raw, shape):
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, 34)
    d = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    return (d * blocks[:, 2:].copy().view(np.int8).astype(np.float32)).reshape(shape)


def _string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value):
    if isinstance(value, bool):
        return struct.pack("<I?", _BOOL, value)
    if isinstance(value, int):
        return struct.pack("<II", _U32, value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT, value)
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string(value)
    if isinstance(value, list) and isinstance(value[0], str):
        return struct.pack("<IIQ", _ARRAY, _STRING, len(value)) + b"".join(map(_string, value))
    if isinstance(value, list) and isinstance(value[0], bool):
        return struct.pack("<IIQ", _ARRAY, _BOOL, len(value)) + struct.pack(f"<{len(value)}?", *value)
    if isinstance(value, list) and isinstance(value[0], int):
        return struct.pack("<IIQ", _ARRAY, _I32, len(value)) + struct.pack(f"<{len(value)}i", *value)
    if isinstance(value, list):
        return struct.pack("<IIQ", _ARRAY, _FLOAT, len(value)) + struct.pack(f"<{len(value)}f", *value)
    raise TypeError(type(value))


def write(path, keys, tensors, alignment=32):
    """keys: {name: value}; tensors: [(name, array in numpy order, type)]. The file appears whole or not at all."""
    import os

    directory, blobs, offset = b"", [], 0
    for name, array, kind in tensors:
        array = np.ascontiguousarray(array, np.float32)
        blob = {F32: lambda: array.tobytes(), F16: lambda: array.astype(np.float16).tobytes(),
                Q8_0: lambda: quantize_q8_0(array).tobytes()}[kind]()
        ne = array.shape[::-1]
        directory += _string(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, offset)
        blob += b"\0" * (-len(blob) % alignment)
        blobs.append(blob)
        offset += len(blob)
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(keys))
    header += b"".join(_string(k) + _value(v) for k, v in keys.items()) + directory
    header += b"\0" * (-len(header) % alignment)
    with open(str(path) + ".part", "wb") as file:
        file.write(header)
        for blob in blobs:
            file.write(blob)
    os.replace(str(path) + ".part", path)


def read(path):
    """(keys, tensors): tensors as f32 arrays in numpy order. For files of our own making: it trusts them."""
    raw = open(path, "rb").read()
    at = 0

    def take(fmt):
        nonlocal at
        values = struct.unpack_from("<" + fmt, raw, at)
        at += struct.calcsize("<" + fmt)
        return values[0] if len(values) == 1 else values

    def string():
        nonlocal at
        n = take("Q")
        text = raw[at:at + n].decode()
        at += n
        return text

    def value(kind):
        if kind == _STRING:
            return string()
        if kind == _ARRAY:
            element, n = take("IQ")
            return [value(element) for _ in range(n)]
        return take({_U32: "I", _I32: "i", _FLOAT: "f", _BOOL: "?"}[kind])

    magic, _, n_tensors, n_keys = take("4sIQQ")
    assert magic == b"GGUF", path
    keys = {}
    for _ in range(n_keys):
        name = string()
        keys[name] = value(take("I"))
    directory = []
    for _ in range(n_tensors):
        name = string()
        ne = [take("Q") for _ in range(take("I"))]
        directory.append((name, ne, *take("IQ")))
    begin = at + -at % keys.get("general.alignment", 32)
    tensors = {}
    for name, ne, kind, offset in directory:
        shape, n = ne[::-1], int(np.prod(ne))
        data = raw[begin + offset:]
        if kind == Q8_0:
            tensors[name] = dequantize_q8_0(data[:n // 32 * 34], shape)
        else:
            stored = np.frombuffer(data, {F32: np.float32, F16: np.float16}[kind], n)
            tensors[name] = stored.astype(np.float32).reshape(shape)
    return keys, tensors
