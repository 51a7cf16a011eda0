"""What a model's folder is called, told without opening the model."""

import hashlib
from pathlib import Path

FURTHEST = 0.75
"""Cosine distance beyond which sentences of a sentence-transformers model have nothing to do with each other."""
NEAR = 0.45
"""Cosine from which a sentence answers a question whatever its words; measured on MiniLM-L6, whose answers to questions
lay at 0.38 to 0.89 and whose best sentences for questions without an answer at 0.08 to 0.36."""
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
