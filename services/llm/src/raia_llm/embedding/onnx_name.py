"""What a model's folder is called, told without opening the model."""

import hashlib
from pathlib import Path

FURTHEST = 0.75
"""Cosine distance beyond which sentences of a sentence-transformers model have nothing to do with each other."""
RELEVANT = 0.5
"""Cosine distance within which a passage answers a question even where it uses other words."""
MODEL_FILES = ("model.onnx", "onnx/model.onnx")


def model_file(folder: Path) -> Path:
    """The model in a sentence-transformers folder; raises ``ValueError`` when there is none."""
    for name in MODEL_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"{folder} holds no model.onnx: export the model with its tokenizer.json into this folder")


def onnx_name(folder: Path | None) -> str:
    """A name that changes with the model; raises ``ValueError`` when the folder holds none."""
    if folder is None:
        raise ValueError("RAIA_EMBEDDER_FOLDER must name the model's folder")
    with model_file(folder).open("rb") as file:
        return f"onnx-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
