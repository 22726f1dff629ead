"""Reads and writes .safetensors files with nothing but NumPy.

Format: 8 bytes header length (little endian), a JSON header with type, shape and byte range of every tensor, the data.
https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

_TYPES = {"F32": np.dtype("<f4"), "I32": np.dtype("<i4"), "U8": np.dtype("u1")}


def _name_of(array: np.ndarray) -> str:
    for name, dtype in _TYPES.items():
        if array.dtype == dtype:
            return name
    raise TypeError(f"{array.dtype} is not written to .safetensors files here")


def save(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Writes the tensors sorted by name, so that equal contents give equal files."""
    header: dict[str, object] = {}
    if metadata:
        header["__metadata__"] = dict(sorted(metadata.items()))
    data = bytearray()
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        begin = len(data)
        data += array.tobytes()
        header[name] = {"dtype": _name_of(array), "shape": list(array.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))


def load(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by name."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    base = 8 + length
    return {
        name: np.frombuffer(content[base + entry["data_offsets"][0] : base + entry["data_offsets"][1]],
                            dtype=_TYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }
