"""Released checkpoints of the methods' authors -> checkpoints of this package."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affordance_grasp.datasets.agd20k import HICO_IIF_AFFORDANCES, UNSEEN_AFFORDANCES
from affordance_grasp.encoders.tensor_files import read_tensors
from affordance_grasp.encoders.weights import (
    check_state_dict,
    refuse_not_finite,
    tensors_sha256,
)
from affordance_grasp.errors import InvalidInput, UnknownName
from affordance_grasp.methods.checkpoint import (
    TEXT_KEY,
    Checkpoint,
    CheckpointInfo,
)
from affordance_grasp.methods.method import find_method, make_config, make_network
from affordance_grasp.methods.table import method_module
from affordance_grasp.query.vocabulary import AFFORDANCES

SPLITS = (AFFORDANCES, UNSEEN_AFFORDANCES, HICO_IIF_AFFORDANCES)
"""The classes of released checkpoints, which their number tells apart."""
Tensors = Mapping[str, Tensor]
TextTable = Callable[[Tensors, Sequence[str], Path | None], Tensor]


def no_text(tensors: Tensors, affordances: Sequence[str], file: Path | None) -> Tensor:
    """The text table (A, 0) of a method without text features."""
    del tensors
    if file is not None:
        raise InvalidInput(f"text features {file} were given to a method that uses none")
    return torch.empty(len(affordances), 0)


@dataclass(frozen=True)
class OfficialFormat:
    """The format of a method's released checkpoint.

    ``prefixes``: prefix of an official name -> prefix here; other names are the same. ``unused``:
    required names that are not needed. ``config``: tensors -> fields of
    the configuration. ``text``: tensors, affordances and a file of released text features -> the
    text table (A, text dim). ``text_encoder``: its name.
    """

    prefixes: Mapping[str, str]
    config: Callable[[Tensors], Mapping[str, Any]]
    text: TextTable = no_text
    text_encoder: str = "none"
    unused: frozenset[str] = field(default_factory=frozenset)

    def own_name(self, official: str) -> str:
        """The name in this package's network."""
        return _swap(official, self.prefixes)

    def official_name(self, own: str) -> str:
        """The name in the released checkpoint."""
        return _swap(own, {here: there for there, here in self.prefixes.items()})

    def own_tensors(self, official: Tensors) -> dict[str, Tensor]:
        """The tensors of a released checkpoint by the names of this package's network."""
        return {self.own_name(n): t for n, t in official.items() if n not in self.unused}


def read_official(
    path: Path,
    method: str,
    affordances: Sequence[str] | None = None,
    text_file: Path | None = None,
) -> Checkpoint:
    """A released checkpoint of ``method``, complete with its backbone.

    Only plain tensors are unpickled. One sentence names what is missing, unexpected or
    misshapen, as the file has it. ``affordances``: the classes, where their number (36:
    AGD20K Seen, 25: Unseen, 10: HICO-IIF) does not determine them.
    """
    form = find_format(method)
    official = read_tensors(path)
    fields = {**vars(make_config(method, form.config(official)))}
    tensors = _rename(official, method, fields, f"official {method} checkpoint {path}")
    names = _affordances(fields["classes"], affordances)
    backbone = {n: t for n, t in tensors.items() if n.startswith("backbone.")}
    info = CheckpointInfo(
        method=method,
        config=fields,
        backbone=fields["backbone"],
        backbone_sha256=tensors_sha256(backbone),
        affordances=names,
        text_encoder=form.text_encoder,
        training={"imported_from": path.name},
    )
    text = form.text(official, names, text_file)
    refuse_not_finite({**tensors, TEXT_KEY: text}, f"official {method} checkpoint {path}")
    return Checkpoint(info, tensors, text)


def find_format(method: str) -> OfficialFormat:
    """The released format of ``method``; refuses methods without one."""
    released: OfficialFormat = method_module(method, "released").OFFICIAL
    return released


def _rename(
    official: Tensors, method: str, fields: Mapping[str, Any], owner: str
) -> dict[str, Tensor]:
    form = find_format(method)
    config = make_config(method, fields)
    with torch.device("meta"):
        network = make_network(method, fields, find_method(method).backbone(config, False))
    expected = {form.official_name(n): t for n, t in network.state_dict().items()}
    unused = {n: official[n] for n in form.unused if n in official}
    missing = {n: torch.empty(0) for n in form.unused if n not in official}
    check_state_dict({**expected, **unused, **missing}, official, owner)
    return form.own_tensors(official)


def _affordances(classes: int, given: Sequence[str] | None) -> tuple[str, ...]:
    known = {len(names): names for names in SPLITS}
    names = known.get(classes) if given is None else tuple(given)
    if names is None or len(names) != classes:
        raise InvalidInput(
            f"the checkpoint has {classes} classes; name them in their order "
            f"(AGD20K Seen has 36, Unseen 25, HICO-IIF 10), {len(given or ())} were given"
        )
    for name in names:
        if name not in AFFORDANCES:
            raise UnknownName("affordance", name, AFFORDANCES)
    if len(set(names)) != len(names):
        raise InvalidInput(f"an affordance is named more than once in {','.join(names)}")
    return names


def _swap(name: str, prefixes: Mapping[str, str]) -> str:
    for before, after in prefixes.items():
        if name.startswith(before):
            return after + name.removeprefix(before)
    return name
