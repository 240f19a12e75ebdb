#!/usr/bin/env python3
"""A contact sheet of the synthetic camera as a PNG, and its truth and questions as text.

    models/perch/world_sheet.py seed=7,frames=64 --out sheet.png

Needs the library perch_world (cmake --build --preset release --target perch_world) and nothing else.
"""
import argparse
import ctypes
import json
import pathlib
import struct
import zlib

LIBRARY = pathlib.Path(__file__).parents[2] / "build/release/camera/libperch_world.so"


class World:
    """One world of camera/synthetic/perch_world.h."""

    def __init__(self, spec, library=LIBRARY):
        self.lib = ctypes.CDLL(str(library))
        self.lib.pw_open.restype = ctypes.c_void_p
        self.lib.pw_truth.restype = self.lib.pw_questions.restype = ctypes.c_size_t
        error = ctypes.create_string_buffer(512)
        handle = self.lib.pw_open(spec.encode(), error, ctypes.c_size_t(512))
        if not handle:
            raise ValueError(error.value.decode())
        self.handle = ctypes.c_void_p(handle)
        self.n_frames = self.lib.pw_n_frames(self.handle)
        self.width, self.height = self.lib.pw_width(self.handle), self.lib.pw_height(self.handle)

    def __del__(self):
        if hasattr(self, "handle"):
            self.lib.pw_close(self.handle)

    def frames(self, first, count):
        """RGB bytes [count][height][width][3]."""
        rgb = ctypes.create_string_buffer(count * self.height * self.width * 3)
        self.lib.pw_frames(self.handle, ctypes.c_int64(first), ctypes.c_int64(count), rgb)
        return rgb.raw

    def truth(self):
        return self._json(self.lib.pw_truth)

    def questions(self, cuts, per_cut=0, seed=0):
        array = (ctypes.c_int * len(cuts))(*cuts)
        return self._json(self.lib.pw_questions, array, len(cuts), per_cut, ctypes.c_uint64(seed))

    def _json(self, call, *args):
        n = call(self.handle, *args, None, ctypes.c_size_t(0)) + 1
        text = ctypes.create_string_buffer(n)
        call(self.handle, *args, text, ctypes.c_size_t(n))
        return json.loads(text.value)


def sheet(world, first, count, columns, zoom, gap=2):
    """Rows of frames, each pixel zoom x zoom: width, height and RGB bytes."""
    rgb, width, height = world.frames(first, count), world.width, world.height
    lines = []
    for start in range(0, count, columns):
        for y in range(height):
            line = bytearray()
            for k in range(start, min(start + columns, count)):
                at = (k * height + y) * width * 3
                row = rgb[at:at + width * 3]
                line += b"".join(row[i:i + 3] * zoom for i in range(0, len(row), 3)) + bytes(3 * gap)
            line += bytes(columns * (width * zoom + gap) * 3 - len(line))
            lines += [bytes(line)] * zoom
        lines += [bytes(columns * (width * zoom + gap) * 3)] * gap
    return columns * (width * zoom + gap), len(lines), b"".join(lines)


def write_png(path, width, height, rgb):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3] for y in range(height))
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" +
                                   chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="?", default="", help="as for --source synthetic:...")
    parser.add_argument("--library", default=LIBRARY)
    parser.add_argument("--first", type=int, default=0, help="frame to begin with")
    parser.add_argument("--count", type=int, help="frames (default: all)")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--zoom", type=int, default=2)
    parser.add_argument("--cut", type=int, action="append", default=[], help="print questions asked after it")
    parser.add_argument("--out", help="PNG to write")
    args = parser.parse_args()
    world = World(args.spec, args.library)
    for visit in world.truth()["visits"]:
        print("{first:5}-{last:<5} {size:5} {colour:6} {shape:8} {place}".format(**visit))
    for q in world.questions(args.cut):
        print("{cut:5} {kind:9} {text:50} {answer} (age {age})".format(**q))
    if args.out:
        count = min(args.count or world.n_frames, world.n_frames - args.first)
        write_png(args.out, *sheet(world, args.first, count, args.columns, args.zoom))


if __name__ == "__main__":
    main()
