"""The synthetic camera, the one of the product: its C++ library, called from Python."""
import ctypes
import json
import os
import pathlib

import numpy as np

SHAPES = ["circle", "square", "triangle", "cross", "ring", "star"]
COLOURS = ["red", "green", "blue", "yellow", "purple", "orange", "cyan", "white"]
PLACES = ["top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right"]


def library():
    root = pathlib.Path(__file__).resolve().parents[3]
    names = [os.environ.get("PERCH_WORLD", ""), *map(str, sorted(root.glob("build/release/**/libperch_world.so")))]
    for name in filter(None, names):
        if pathlib.Path(name).exists():
            return ctypes.CDLL(name)
    raise SystemExit("no libperch_world.so; build it: cmake --preset release && cmake --build --preset release")


lib = library()
lib.pw_open.restype = ctypes.c_void_p
lib.pw_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
lib.pw_close.argtypes = [ctypes.c_void_p]
for _name in ("pw_n_frames", "pw_width", "pw_height"):
    getattr(lib, _name).argtypes = [ctypes.c_void_p]
lib.pw_frames.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
lib.pw_truth.restype = ctypes.c_size_t
lib.pw_truth.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
lib.pw_questions.restype = ctypes.c_size_t
lib.pw_questions.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_int), ctypes.c_int, ctypes.c_int,
                             ctypes.c_uint64, ctypes.c_char_p, ctypes.c_size_t]


class World:
    """One stream: its pictures, its truth and its questions."""

    def __init__(self, spec):
        error = ctypes.create_string_buffer(300)
        self.world = lib.pw_open(spec.encode(), error, len(error))
        if not self.world:
            raise ValueError(error.value.decode())

    def __del__(self):
        if getattr(self, "world", None):
            lib.pw_close(self.world)

    def frames(self, first, count):
        shape = (count, lib.pw_height(self.world), lib.pw_width(self.world), 3)
        rgb = np.empty(shape, np.uint8)
        lib.pw_frames(self.world, first, count, rgb.ctypes.data)
        return rgb

    def truth(self):
        return self._json(lambda text, size: lib.pw_truth(self.world, text, size))

    def questions(self, cuts, per_cut, seed):
        array = (ctypes.c_int * len(cuts))(*cuts)
        return self._json(lambda text, size: lib.pw_questions(self.world, array, len(cuts), per_cut, seed, text, size))

    @staticmethod
    def _json(call):
        size = 1 << 16
        while True:
            text = ctypes.create_string_buffer(size)
            needed = call(text, size)
            if needed < size:
                return json.loads(text.value)
            size = needed + 1


def in_view(truth):
    """Per frame the things in view: lists of (shape, colour, place), in reading order of their places."""
    frames = [[] for _ in range(truth["frames"])]
    for v in truth["visits"]:
        thing = (SHAPES.index(v["shape"]), COLOURS.index(v["colour"]), PLACES.index(v["place"]))
        for k in range(v["first"], min(v["last"], truth["frames"] - 1) + 1):
            frames[k].append(thing)
    return [sorted(things, key=lambda t: t[2]) for things in frames]


HELD_OUT = 1 << 40  # seeds from here on are never trained on


def spec(seed, fps, frames, **more):
    return ",".join(f"{k}={v}" for k, v in dict(seed=seed, fps=fps, frames=frames, **more).items())


def clock(seconds):
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
