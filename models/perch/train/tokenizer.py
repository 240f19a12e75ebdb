"""Byte-level BPE, trained on the world's own sentences; words are cut as the pre-tokenizer `smollm` cuts them."""
import json
import re
from collections import Counter

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<fake_token_around_image>", "<image>", "<global-img>",
            "<end_of_utterance>"]
# Digits one by one, then GPT-2's expression; the texts here are ASCII, for which these classes suffice.
WORDS = re.compile(r"[0-9]|'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def byte_letters():
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, spare = {}, 0
    for b in range(256):
        letters[b] = chr(b if b in plain else 256 + spare)
        spare += b not in plain
    return [letters[b] for b in range(256)]


LETTERS = byte_letters()


def pieces(text):
    return ["".join(LETTERS[b] for b in word.encode()) for word in WORDS.findall(text)]


def train(texts, n_merges):
    """Merges in rank order, of the most frequent pair each time; ties go to the pair that sorts first."""
    words = Counter(w for t in texts for w in pieces(t))
    split = {w: list(w) for w in words}
    merges = []
    while len(merges) < n_merges:
        pairs = Counter()
        for w, n in words.items():
            for pair in zip(split[w], split[w][1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for w, s in split.items():
            i = 0
            while i + 1 < len(s):
                if (s[i], s[i + 1]) == best:
                    s[i:i + 2] = [s[i] + s[i + 1]]
                i += 1
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.vocab = SPECIALS + LETTERS + ["".join(m) for m in self.merges]
        self.ids = {t: i for i, t in enumerate(self.vocab)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.cache = {}

    def word(self, letters):
        if letters not in self.cache:
            s = list(letters)
            while len(s) > 1:
                at = min(range(len(s) - 1), key=lambda i: self.rank.get((s[i], s[i + 1]), 1 << 30))
                if (s[at], s[at + 1]) not in self.rank:
                    break
                s[at:at + 2] = [s[at] + s[at + 1]]
            self.cache[letters] = [self.ids[t] for t in s]
        return self.cache[letters]

    def encode(self, text):
        return [i for w in pieces(text) for i in self.word(w)]

    def decode(self, ids):
        back = {letter: b for b, letter in enumerate(LETTERS)}
        text = "".join(self.vocab[i] for i in ids if i >= len(SPECIALS))
        return bytes(back[c] for c in text).decode(errors="replace")

    def save(self, path):
        merges = [" ".join(m) for m in self.merges]
        path.write_text(json.dumps(dict(specials=SPECIALS, vocab=self.vocab, merges=merges), indent=0) + "\n")

    @classmethod
    def load(cls, path):
        return cls(tuple(m.split(" ")) for m in json.loads(path.read_text())["merges"])
