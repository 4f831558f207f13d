"""Exports on the disk: `ppocore export`."""

from __future__ import annotations

import io
from pathlib import Path

from ppocore._files import replace
from ppocore.training.errors import BadRun
from ppocore.training.export.plain import plain_policy
from ppocore.training.trainer import Trainer


def write_torch(trainer: Trainer, file: Path | str) -> None:
    """A program of torch.export (.pt2): ``torch.export.load(file).module()(observations)``, for any number of rows."""
    try:
        import torch

        from ppocore.training.export.torch_module import TorchPolicy
    except ModuleNotFoundError:
        raise BadRun("torch is not installed; pip install 'ppocore[torch]'.") from None
    policy = plain_policy(trainer)
    matrix = policy.layers[0][0]
    # Two rows, since one would be taken for a constant.
    seen = (torch.zeros(2, dtype=torch.int64) if policy.num_states
            else torch.zeros(2, len(matrix), dtype=torch.from_numpy(matrix).dtype))  # fmt: skip
    program = torch.export.export(TorchPolicy(policy), (seen,),
                                  dynamic_shapes={"observation": {0: torch.export.Dim("batch")}})  # fmt: skip
    room = io.BytesIO()
    torch.export.save(program, room)
    _write(Path(file), room.getvalue())


def write_onnx(trainer: Trainer, file: Path | str) -> None:
    """An ONNX model, checked by the ONNX checker before it is written."""
    try:
        from ppocore.training.export.onnx_graph import onnx_model
    except ModuleNotFoundError:
        raise BadRun("onnx is not installed; pip install 'ppocore[onnx]'.") from None
    _write(Path(file), onnx_model(plain_policy(trainer)).SerializeToString())


def _write(path: Path, content: bytes) -> None:
    try:
        replace(path, lambda file: file.write(content))
    except OSError as error:
        raise BadRun(f"{path}: cannot be written ({error.strerror or error}).") from None
