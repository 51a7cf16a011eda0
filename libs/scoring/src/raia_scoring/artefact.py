"""The file format of a model: one uncompressed zip of which equal models give equal bytes, and its safe loader."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from raia_scoring import sklearn_file
from raia_scoring.errors import bad_artefact
from raia_scoring.estimators import ALGORITHMS, Algorithm
from raia_scoring.model import ScoringModel
from raia_scoring.signature import Signature

FORMAT = 1
_MANIFEST, _PREPROCESSING = "manifest.json", "preprocessing.skops"
_ESTIMATORS = {"scikit-learn": "estimator.skops", "xgboost": "estimator.ubj", "lightgbm": "estimator.txt"}
LARGEST = 2 * 1024**3
"""Bytes of an artefact that are read into memory."""
_ADVICE = "export the model as ONNX, XGBoost JSON or UBJSON, LightGBM text, or a skops file"


def digest(data: bytes) -> str:
    """The SHA-256 of an artefact, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def save(model: ScoringModel) -> bytes:
    """The model as an artefact; models of equal content give equal bytes, whatever process made them."""
    algorithm = ALGORITHMS[model.algorithm]
    manifest = {
        "format": FORMAT,
        "kind": model.kind,
        "algorithm": model.algorithm,
        "libraries": dict(model.libraries),
        "signature": model.signature.to_json(),
        "encoded_sources": list(model.encoded_sources),
        "encoded_mean": [float(value) for value in model.encoded_mean],
    }
    return sklearn_file.pack(
        {
            _MANIFEST: orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS),
            _PREPROCESSING: sklearn_file.dump(model.preprocessing),
            _ESTIMATORS[algorithm.library]: _dump_estimator(algorithm, model.estimator),
        }
    )


def load(source: bytes | str | Path, expected_sha256: str) -> ScoringModel:
    """The model of an artefact, given as bytes or as a file's path.

    Raises ``ArtefactInvalid`` when its digest is not the expected one, when it is a pickle or anything else that is no
    artefact, and when it holds types that our models do not consist of. Nothing of it is run before that is checked.
    """
    data = source if isinstance(source, bytes) else _read(Path(source))
    refuse_foreign(data)
    found = digest(data)
    if found != expected_sha256:
        raise bad_artefact(f"the artefact's sha256 is {found}, not {expected_sha256}: fetch it again")
    members = _members(data)
    try:
        return _assemble(orjson.loads(members[_MANIFEST]), members)
    except (KeyError, TypeError, ValueError) as error:
        raise bad_artefact("the artefact's description is incomplete: train or export the model again") from error


def refuse_foreign(data: bytes) -> None:
    """Raises ``ArtefactInvalid`` for bytes that do not begin as an artefact does, saying what they seem to be."""
    if data.startswith(b"PK\x03\x04"):
        return
    if _looks_pickled(data[:64]):
        raise bad_artefact(
            f"this is a Python pickle (or joblib file), which can run code and is never loaded: {_ADVICE}"
        )
    if _looks_compressed(data[:8]):
        raise bad_artefact(f"this is a compressed file, as joblib writes pickles, and is not loaded: {_ADVICE}")
    raise bad_artefact(f"this is no model artefact: {_ADVICE}")


def _looks_pickled(start: bytes) -> bool:
    # Protocols 2 and later begin with their number; 0 and 1 with a mark or a global, as text.
    if len(start) > 1 and start[0] == 0x80 and start[1] <= 5:
        return True
    return start.startswith(
        (b"ccopy_reg\n", b"csklearn", b"cnumpy", b"c__builtin__", b"(lp", b"(dp", b"(i", b"cposix\n")
    )


def _looks_compressed(start: bytes) -> bool:
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x5d\x00\x00", b"\x04\x22\x4d\x18")):
        return True
    # zlib has no fixed mark: its first two bytes are a multiple of 31, the first saying "deflate, 32 KiB".
    return len(start) > 1 and start[0] == 0x78 and int.from_bytes(start[:2], "big") % 31 == 0


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise bad_artefact(f"the artefact is larger than {LARGEST:,} bytes")
    return path.read_bytes()


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if any(info.compress_type != zipfile.ZIP_STORED for info in file.infolist()):
                raise bad_artefact("the artefact is compressed, which ours never are: export the model again")
            names = file.namelist()
            if _MANIFEST not in names or _PREPROCESSING not in names or len(names) != 3:
                raise bad_artefact(f"this zip is no model artefact: {_ADVICE}")
            return {name: file.read(name) for name in names}
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise bad_artefact("the artefact is damaged: fetch it again") from error


def _assemble(manifest: dict[str, Any], members: dict[str, bytes]) -> ScoringModel:
    if manifest["format"] != FORMAT:
        raise bad_artefact(f"the artefact has format {manifest['format']}; this version reads {FORMAT}")
    algorithm = ALGORITHMS[manifest["algorithm"]]
    if manifest["kind"] not in algorithm.kinds:
        raise ValueError("the algorithm does not fit the kind")
    model = ScoringModel(
        kind=manifest["kind"],
        algorithm=algorithm.name,
        signature=Signature.from_json(manifest["signature"]),
        preprocessing=sklearn_file.parse(members[_PREPROCESSING]),
        estimator=_parse_estimator(algorithm, members[_ESTIMATORS[algorithm.library]]),
        encoded_mean=np.asarray(manifest["encoded_mean"], dtype=np.float64),
        libraries=manifest["libraries"],
    )
    if list(model.encoded_sources) != manifest["encoded_sources"]:
        raise bad_artefact("the artefact's parts do not belong together: train or export the model again")
    return model


def _dump_estimator(algorithm: Algorithm, estimator: Any) -> bytes:
    if algorithm.library == "xgboost":
        return bytes(estimator.save_raw(raw_format="ubj"))
    if algorithm.library == "lightgbm":
        return str(estimator.model_to_string()).encode()
    return sklearn_file.dump(estimator)


def _parse_estimator(algorithm: Algorithm, data: bytes) -> Any:
    if algorithm.library == "xgboost":
        return _parse_xgboost(data)
    if algorithm.library == "lightgbm":
        import lightgbm

        try:
            return lightgbm.Booster(model_str=data.decode())
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
            raise bad_artefact("the artefact's LightGBM part cannot be read: export the model again") from error
    return sklearn_file.parse(data)


def _parse_xgboost(data: bytes) -> Any:
    import xgboost

    booster = xgboost.Booster(params={"nthread": 1})
    try:
        booster.load_model(bytearray(data))
    except xgboost.core.XGBoostError as error:
        raise bad_artefact("the artefact's XGBoost part cannot be read: export the model again") from error
    return booster
