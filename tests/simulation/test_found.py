"""What the simulation found once, each as a day of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reference.terminal import Terminal
from simulation import cli, day
from simulation.site import Site, assign, running
from simulation.world import World


@pytest.fixture
def site() -> Iterator[Site]:
    with cli.hushed(), running() as made:
        yield made


def test_what_was_written_in_a_lost_scope_is_not_held(site: Site) -> None:
    """A photo's record that the server takes in after its author lost the scope leaves the terminal's sums.

    The terminal went on counting its own accepted edit, met no checkpoint and asked for a repair at every sync.
    """
    with World(site, 1, terminals=6) as world:
        [device] = [one for one in world.devices if one.player.username == "police"]
        terminal = device.terminal
        terminal.sync()
        case = terminal.records("case")[0].id
        photo = terminal.take_photo(case, b"\xff\xd8 of a lost scope", "near")
        assign(site, device.player, (), ())
        terminal.sync()
        pulled = terminal.pull()
    assert pulled.matches is True
    assert pulled.pages == 1
    assert photo not in terminal_of(site, device.folder.name)


@pytest.mark.parametrize(
    ("seed", "steps", "what"),
    [
        (255, 50, "a terminal that the restored server does not know is enrolled again, whatever lies on the line"),
        (1107, 70, "what names a dismissed operation as its base has seen what that one's author had seen"),
        (3759, 20, "an officer's discard of a draft that a supervisor voided is proposed like any other edit"),
    ],
)
def test_a_seed_that_found_something_stays_clean(site: Site, seed: int, steps: int, what: str) -> None:
    """What once broke an invariant, or the oracle's word, in a long run."""
    assert day.play(site, seed, steps).violations == [], what


def terminal_of(site: Site, name: str) -> dict[str, tuple[str, int]]:
    """What a closed terminal's folder holds, opened anew."""
    with Terminal(site.folder / "world" / name, "http://simulation.invalid") as terminal:
        return terminal.confirmed()
