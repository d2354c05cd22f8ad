"""The console's dictionary and the way it shows values: no database, no request."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

from hypothesis import given
from hypothesis import strategies as st

from field_api.casework.types import TYPES
from field_api.console import show
from field_api.console.desk_queries import STATES
from field_api.console.words import LANGUAGES, WORDS, name_of, say
from field_api.problems import CATALOGUE
from sync.store.tables import OUTCOMES

FOLDER = Path(show.__file__).parent
CHINESE = re.compile("[\u4e00-\u9fff]")
NO_ENGLISH_OF_ITS_OWN = {"nav.other_language", "none"}


def sources() -> str:
    paths = [*FOLDER.glob("*.py"), *(FOLDER / "templates").iterdir()]
    return "\n".join(path.read_text() for path in paths if path.name not in ("words.py", "desk_words.py"))


def test_every_word_is_there_in_both_languages_with_the_same_gaps() -> None:
    """Both texts of a key are filled, ask for the same values, and are in the language they stand for."""
    for key, texts in WORDS.items():
        assert len(texts) == len(LANGUAGES)
        gaps = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in texts]
        assert gaps[0] == gaps[1], key
        if key not in NO_ENGLISH_OF_ITS_OWN:
            assert CHINESE.search(texts[0]), key
            assert texts[1], key
            assert not CHINESE.search(texts[1]), key


def test_the_pages_ask_for_words_that_exist_and_leave_none_unused() -> None:
    """A key in a template stands in the dictionary; a key of the dictionary stands somewhere in the pages."""
    text = sources()
    asked = set(re.findall(r"""\bt\(['"]([a-z_.]+)['"]""", text))
    assert {key for key in asked if not key.endswith((".", "_"))} <= WORDS.keys()
    built = tuple(set(re.findall(r"""['"]([a-z_]+\.(?:[a-z]+[._])?)['"] ~""", text)))
    families = {"field", "type", "action", "outcome"}
    unused = [
        key
        for key in WORDS
        if f"'{key}'" not in text
        and f'"{key}"' not in text
        and not key.startswith(built)
        and key.partition(".")[0] not in families
    ]
    assert unused == []


def test_every_state_outcome_reaction_and_field_has_its_word() -> None:
    """What the program may hold, a page can say."""
    assert {f"delivery.state.{state}" for state in STATES} <= WORDS.keys()
    assert {f"outcome.{outcome}" for outcome in OUTCOMES} <= WORDS.keys()
    assert {f"retry.{kind.retry}" for kind in CATALOGUE.values()} <= WORDS.keys()
    assert {f"field.{name}" for name in TYPES["case"].fields} <= WORDS.keys()
    assert name_of("en", "field", "nothing_known") == "nothing_known"
    assert say("en", "page.place", page=1, pages=2) == "Page 1 of 2"


@given(st.text(max_size=60), st.text(max_size=60))
def test_marking_differences_loses_no_character(text: str, other: str) -> None:
    """The pieces make the whole text again, and nothing is marked where nothing differs."""
    pieces = show.marked(text, other)
    assert "".join(piece for piece, _ in pieces) == text
    assert not any(differs for _, differs in show.marked(text, text))
    assert text == other or not text or not other or any(
        differs for one in (pieces, show.marked(other, text)) for _, differs in one
    )


def test_differences_are_marked_by_words_and_by_chinese_characters() -> None:
    """One changed character of Chinese, or one changed word of English, is what is marked."""
    assert show.marked("占用盲道约五米", "占用盲道约三米") == [("占用盲道约", False), ("五", True), ("米", False)]
    assert show.marked("stall 12 moved", "stall 14 moved") == [("stall ", False), ("12", True), (" moved", False)]


@given(st.dictionaries(st.sampled_from(["lng", "lat", "coord_sys", "accuracy_m", "x"]), st.integers() | st.text()))
def test_a_place_of_any_shape_can_be_shown(position: dict[str, object]) -> None:
    """What a terminal says it saw before may be anything, and the page still stands."""
    assert show.place(position)


def test_values_read_as_a_person_would_write_them() -> None:
    """Money in yuan, sizes in MB, times on the bureau's clock."""
    assert [show.yuan(fen) for fen in (123450, -5)] == ["¥1,234.50", "−¥0.05"]
    assert [show.size(number) for number in (999, 88_471, 4_200_000)] == ["999 B", "88 KB", "4.2 MB"]
    assert show.size(64_200_000_000) == "64.2 GB"
    assert [show.offset(ms) for ms in (372_500, -372_500, 90_000_000)] == ["+0:06:12", "−0:06:12", "+25:00:00"]
    assert show.when("2026-11-22T02:00:00.000+00:00") == "2026-11-22 10:00"
    assert show.when("yesterday") == "yesterday"
    assert show.when(None) == "—"
    place = {"lng": 103.84851, "lat": 30.0756, "coord_sys": "gcj02", "accuracy_m": 8}
    assert show.place(place) == "103.84851, 30.07560 · GCJ-02 · ±8 m"


@given(st.text(max_size=60), st.integers(1, 60))
def test_any_text_becomes_legible(text: str, longest: int) -> None:
    """A page can carry what is left, it is hardly longer than asked, and what needs nothing stays as it is."""
    shown = show.legible(text + "\ud800\0", longest)
    assert len(shown.encode()) <= 4 * (longest + 1)
    assert "\0" not in shown
    assert show.legible(shown, longest + 1) == shown


def test_a_pointer_is_read_as_names() -> None:
    """What holds the content is left out; what a pointer escapes is written plainly."""
    found = [show.steps(pointer) for pointer in ("/set/party/name", "/item/id", "/set", "/base", "", "/set/a~1b~0")]
    assert found == [["party", "name"], ["id"], ["set"], ["base"], [], ["a/b~"]]
