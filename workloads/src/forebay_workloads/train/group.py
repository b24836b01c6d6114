"""The processes that train one model together: sums over all, words from rank 0. One process alone is a group too.

Made by the train stage, used by its Context. Only this file and meeting.py know torch.distributed. When another
process is lost, every call ends in PeerLost: the process ends, is started again and goes on from the checkpoint.
Where a call does not notice, rollcall.py does.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from forebay_workloads.errors import PeerLost, cut

if TYPE_CHECKING:
    from forebay_workloads.train.rollcall import RollCall

_FORMING = timedelta(seconds=60)  # for those who have met to connect
_PATIENCE = timedelta(
    minutes=30
)  # for the slowest process; a lost one is noticed at once as a rule


class Group(Protocol):
    """What a training asks of its group. Every process makes the same calls in the same order."""

    rank: int
    world: int

    def all_reduce(self, array: Any) -> None:
        """Sums a torch tensor or a writable numpy array over all processes, in place."""

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in one process at least."""

    def agree(self, value: Any) -> Any:
        """Rank 0's value (JSON) in every process."""

    def close(self) -> None:
        """Waits for all, then leaves."""


class Alone:
    """The group of one process."""

    rank, world = 0, 1

    def all_reduce(self, array: Any) -> None:
        """See Group."""

    def any(self, flag: bool) -> bool:
        """See Group."""
        return flag

    def agree(self, value: Any) -> Any:
        """See Group."""
        return value

    def close(self) -> None:
        """See Group."""


class Together:
    """Several processes: gloo for what lies in memory, the device's own library for what lies on a device."""

    def __init__(self, rank: int, world: int, group: Any, roll: RollCall) -> None:
        self.rank, self.world, self._group, self._roll = rank, world, group, roll

    def all_reduce(self, array: Any) -> None:
        """See Group."""
        import torch  # noqa: PLC0415 - as in `join`
        import torch.distributed as dist  # noqa: PLC0415

        with _losses():
            dist.all_reduce(torch.as_tensor(array), group=self._group)

    def any(self, flag: bool) -> bool:
        """See Group."""
        import torch  # noqa: PLC0415 - as in `join`

        total = torch.tensor([int(flag)])
        self.all_reduce(total)
        return bool(total.item())

    def agree(self, value: Any) -> Any:
        """See Group."""
        import torch  # noqa: PLC0415 - as in `join`
        import torch.distributed as dist  # noqa: PLC0415

        text = json.dumps(value).encode() if self.rank == 0 else b""
        size = torch.tensor([len(text)])
        with _losses():
            dist.broadcast(size, group=self._group, group_src=0)
            data = torch.empty(int(size.item()), dtype=torch.uint8)
            if self.rank == 0:
                data.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
            dist.broadcast(data, group=self._group, group_src=0)
        return json.loads(data.numpy().tobytes())

    def close(self) -> None:
        """See Group."""
        import torch.distributed as dist  # noqa: PLC0415 - as in `join`

        self.any(False)
        self._roll.stop()
        dist.destroy_process_group()


def join(device: str, stopping: Callable[[], bool], log: Callable[[str], None]) -> Group:
    """The group that the environment names. Waits until all are there.

    Raises:
        PeerLost: one that had come is gone again.
        RetryableError: PeerLost when the meeting place cannot be opened.
        Preempted: told to stop while waiting.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return Alone()
    import torch.distributed as dist  # noqa: PLC0415 - seconds; only for those who need it

    from forebay_workloads.train.meeting import Place, meet  # noqa: PLC0415
    from forebay_workloads.train.rollcall import RollCall  # noqa: PLC0415

    place = Place.of_environment()
    if place.is_local:  # else the name of this machine would have to lead to it
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    formed = meet(place, stopping, log)
    roll = RollCall(place, formed)  # before the libraries connect: one may be lost while they do
    with _losses():
        dist.init_process_group(
            _backend(device),
            store=formed.store,
            rank=place.rank,
            world_size=place.world,
            timeout=_FORMING,
        )
        group = dist.new_group(timeout=_PATIENCE)
    log(f"train: rank {place.rank} of {place.world} has met the others")
    return Together(place.rank, place.world, group, roll)


def _backend(device: str) -> str:
    """One library for each kind of memory."""
    own = {"cuda": "nccl", "xpu": "xccl"}.get(device)
    return f"cpu:gloo,{device}:{own}" if own else "gloo"


@contextlib.contextmanager
def _losses() -> Iterator[None]:
    """What the libraries say when another process is gone has no class of its own."""
    try:
        yield
    except RuntimeError as error:
        raise PeerLost(
            "PeerLost", f"another pod of this training was lost: {cut(error)}"
        ) from error
