"""state of a training run <-> folder, so that a killed run goes on where it was saved."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

from accelerate import Accelerator
from safetensors import SafetensorError

from longattncomp.errors import InputError

LOG = "log.jsonl"
_STATE = "state"


@dataclass(slots=True)
class Run:
    """A training run in the folder `out`; `best` is the lowest validation loss so far, `step` the steps done.

    `identity` is a digest of everything that the result depends on, `accelerator` has the weights and the optimizer.
    """

    accelerator: Accelerator
    out: Path
    identity: str
    best: float = float("inf")
    step: int = 0

    def resume(self) -> None:
        """Load the last checkpoint of the folder, or start an empty log.

        Raises:
            InputError: the folder holds another run, or its checkpoint is damaged.
        """
        state, old = self.out / _STATE, self.out / f"{_STATE}.old"
        if not state.exists() and old.exists():  # the run was killed between the two renames of `save`
            state = old
        if (state / "run.json").is_file():
            with _readable(state):
                found = json.loads((state / "run.json").read_text())
            if found.get("identity") != self.identity:
                raise InputError(
                    f"{self.out} holds another run: expected the same stage, seed, data, draft model and head to start "
                    f"from; give another folder, or remove this one to begin anew"
                )
            with _readable(state):
                self.accelerator.load_state(str(state))
            self.best, self.step = found["best"], found["step"]
            if self.accelerator.is_main_process:  # steps after the checkpoint are done and logged again
                lines = (self.out / LOG).read_text().splitlines(keepends=True)
                (self.out / LOG).write_text("".join(x for x in lines if json.loads(x)["step"] <= self.step))
        elif self.accelerator.is_main_process:
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / LOG).write_text("")
        self.accelerator.wait_for_everyone()

    def save(self) -> None:
        """Write a checkpoint; the one before it stays until the new one is complete."""
        state, coming = self.out / _STATE, self.out / f"{_STATE}.coming"
        self.accelerator.save_state(str(coming))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            progress = {"identity": self.identity, "best": self.best, "step": self.step}
            (coming / "run.json").write_text(json.dumps(progress))
            old = self.out / f"{_STATE}.old"
            shutil.rmtree(old, ignore_errors=True)
            if state.exists():
                state.rename(old)
            coming.rename(state)
        self.accelerator.wait_for_everyone()

    def log(self, **values: float) -> None:
        """Append a line to the log, with the number of the step."""
        if self.accelerator.is_main_process:
            with (self.out / LOG).open("a") as stream:
                stream.write(json.dumps({"step": self.step, **values}) + "\n")


@contextmanager
def _readable(state: Path) -> Iterator[None]:
    """Turn what accelerate raises over damaged files into an error that says what to do."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, LookupError, EOFError, UnpicklingError, SafetensorError) as error:
        raise InputError(
            f"cannot go on from the checkpoint in {state}, which is damaged ({type(error).__name__}): remove it to go "
            f"on from the one before it, if {state.name}.old is there, or else to begin anew"
        ) from error
