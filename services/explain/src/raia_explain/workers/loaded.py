"""Models that this process has loaded: a child keeps the last ones, and callers prefer the child that has theirs."""

from collections import OrderedDict

import raia_scoring

from raia_explain.workers.attribution import Explainer

_MOST = 4
_loaded: OrderedDict[str, Explainer] = OrderedDict()


def explainer(path: str, digest: str) -> Explainer:
    """The explainer of the artefact with this digest; raises ``ArtefactInvalid`` when the file is another."""
    found = _loaded.pop(digest, None) or Explainer(raia_scoring.load(path, digest))
    _loaded[digest] = found
    while len(_loaded) > _MOST:
        _loaded.popitem(last=False)
    return found
