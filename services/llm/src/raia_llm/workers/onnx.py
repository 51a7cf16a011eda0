"""A sentence-transformers model in ONNX form, run on the CPU."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer

from raia_llm.embedding.embedder import DIMENSIONS
from raia_llm.embedding.onnx_name import FURTHEST, model_file, onnx_name

_LONGEST = 512
_BATCH = 16
_THREADS = 2


class OnnxEmbedder:
    """Mean pooling over a transformer's last layer, or what the folder's 1_Pooling/config.json says; length 1."""

    furthest = FURTHEST
    weighs_words = False

    def __init__(self, folder: str) -> None:
        """Raises ``ValueError`` for a folder without a model that fits."""
        place = Path(folder)
        self.name = onnx_name(place)
        options = SessionOptions()
        options.intra_op_num_threads = _THREADS
        self._session = InferenceSession(str(model_file(place)), options, providers=["CPUExecutionProvider"])
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
        self._tokenizer.enable_truncation(_longest(place))
        self._tokenizer.enable_padding()
        self._first = bool(_config(place / "1_Pooling" / "config.json").get("pooling_mode_cls_token", False))

    def embed(self, texts: Sequence[str], weights: Mapping[str, float]) -> list[list[float]]:  # noqa: ARG002
        """As ``Embedder.embed``."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            vectors += self._batch(list(texts[start : start + _BATCH]))
        return vectors

    def _batch(self, texts: list[str]) -> list[list[float]]:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {name: fed[name] for name in self._inputs})[0]
        if hidden.ndim == 3:
            shares = mask[:, :, None].astype(hidden.dtype)
            hidden = hidden[:, 0] if self._first else (hidden * shares).sum(1) / shares.sum(1)
        if hidden.shape[1] > DIMENSIONS:
            raise ValueError(f"the model's vectors have {hidden.shape[1]} dimensions, more than {DIMENSIONS}")
        lengths = np.linalg.norm(hidden, axis=1, keepdims=True)
        padded = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        padded[:, : hidden.shape[1]] = hidden / np.maximum(lengths, 1e-12)
        found: list[list[float]] = padded.tolist()
        return found


def _longest(folder: Path) -> int:
    return int(_config(folder / "sentence_bert_config.json").get("max_seq_length") or _LONGEST)


def _config(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(path.read_bytes()) if path.is_file() else {}
    return found
