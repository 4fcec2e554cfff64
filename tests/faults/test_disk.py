"""The journal can't be written: the program must not notice, its user must."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.programs import Program

RUN = """
    import logging, os, sys
    logging.basicConfig(stream=sys.stdout, format="warned %(message)s")
    import tachograph as tacho
    from tachograph.sdk import recorder as recording
    tacho.action, tacho.configure, tacho.flush  # nothing is imported later
    {before}
    tacho.configure(service="job", project="faults", interval_s=0.05)
    recording.RETRY_S = 0.0
    for n in range(1000):
        with tacho.action("step"):
            pass
        if n % 100 == 0:
            tacho.flush()
    state = recording.recorder().state
    lost = sum(n for (reason, sampled), n in state.losses.items() if not sampled)
    print("lost", lost, flush=True)
    {after}
    print("done", flush=True)
"""


def _run(home: Path, before: str, after: str = "pass") -> list[str]:
    program = Program(RUN.format(before=before, after=after), home)
    lines = []
    while (line := program.line()) != "done":
        lines.append(line)
    assert program.wait() == 0
    return lines


def _check(lines: list[str]) -> None:
    warnings = [line for line in lines if line.startswith("warned")]
    (lost,) = [int(line.split()[1]) for line in lines if line.startswith("lost")]
    assert len(warnings) == 1, lines
    assert "the program goes on" in warnings[0]
    assert lost > 0


def test_disk_full_the_program_runs_on_loss_is_counted_one_warning(home: Path) -> None:
    """A file size limit stands for the full disk: the same error path, on any machine."""
    _check(
        _run(
            home,
            "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))",
        )
    )


def test_a_full_disk_that_empties_again_shows_the_right_totals(home: Path) -> None:
    """The first frame that gets through is a checkpoint: sums are right at once, the loss stays."""
    from tests.programs import counts, states

    lines = _run(
        home,
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2); tacho.flush()",
    )
    _check(lines)
    (state,) = states(home)
    assert counts(state) == {"step": 1000}
    assert state.losses["journal not writable"] > 0


@pytest.mark.parametrize("kind", ["a file", "read-only"])
def test_read_only_directory_the_program_runs_on_loss_is_counted_one_warning(
    tmp_path: Path, kind: str
) -> None:
    """The home can't be made, or nothing can be written into it."""
    home = tmp_path / "there"
    if kind == "a file":
        home.write_text("not a directory")
        _check(_run(home / "home", "pass"))
        return
    home.mkdir()
    # Root may write anywhere, so the program gives that right up first.
    before = f"os.chmod({str(home)!r}, 0o500)"
    if os.geteuid() == 0:
        os.chown(home, 65534, 65534)
        before += "; os.setgid(65534); os.setuid(65534)"
    _check(_run(home, before))
