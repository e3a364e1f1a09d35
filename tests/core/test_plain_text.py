"""Shown text keeps its content and has no side effects."""

from __future__ import annotations

from cartograph.core.plain_text import one_line, plain_text


def test_letters_of_all_scripts_stay_and_what_steers_a_terminal_or_a_line_goes() -> None:
    assert plain_text("Tasse 🙂 כוס قدح 杯\n\t½") == "Tasse 🙂 כוס قدح 杯\n\t½"
    assert plain_text("a\x1b[31mb\x07c\x9bd\x00e") == "a\ufffd[31mb\ufffdc\ufffdd\ufffde"
    assert plain_text("a\u202eb\u2066c\u200fd") == "abcd"
    assert plain_text("one\r\ntwo") == "one\ntwo"


def test_one_line_has_no_line_breaks_and_no_more_characters_than_asked_for() -> None:
    assert one_line("  one\n two\u2028three ", 100) == "one two three"
    assert one_line("abcdefgh", 8) == "abcdefgh"
    assert one_line("abc defgh", 5) == "abc…"
