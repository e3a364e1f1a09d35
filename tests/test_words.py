"""Words of a private vocabulary are refused; docs/glossary.md has the field's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = {".py", ".md", ".yml", ".js", ".j2"}
EVERYWHERE = (
    "libs", "jobs", "conf", "airflow_dags", "benchmarks", "docs", "notebooks", "tests",
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md",
)  # fmt: skip
PROSE = ("libs/cartograph/report", "docs", "notebooks", "README.md", "CHANGELOG.md")
NAMING_THEM = {ROOT / "docs" / "glossary.md", Path(__file__)}  # They name these words, to say what is written instead.

# Refused everywhere: a regular expression, and what is written instead.
BANNED = {
    r"\bnumbers left out\b": "dropout",
    r"\bran not\b": "did not run",
    r"\bgraphics (card|processor)s?\b": "GPU",
    r"\bJava machines?\b": "JVM",
    r"\bkept apart\b": "held out, separate",
    r"\balike\b": "similar, the same",
    r"\btold apart\b": "distinguished",
    r"\b(tells?|telling)\b": "says, predicts, reports",
    r"\bnames none\b": "is empty",
    r"\bheed(s|ed)?\b": "support, respect",
    r"\blengths? of (a |the |each )?(fused )?(vectors?|factors?)\b": "embedding dimension",
    r"\bpass(es)? over (the )?(data|events|ratings|histories|customers|interactions|pairs)\b": "epochs",
    r"\bpulls? (\w+ ){0,3}towards\b": "L2 regularisation, weight decay",
    r"\bstretches\b": "windows",
    r"\b(dealt|deals? out)\b": "partitioned, assigned",
    r"\bwant(s|ed)\b|_wanted\b|\bwanted_": "needs, requested, required",
    r"\bjudge(d|ments?)?\b|\bjudgements?\b|_judged\b|\bjudged_": "evaluate, check, test, compare",
    r"\bchances\b|\b(beyond|than|could be|hardly|pure) chance\b": "probabilities, expected, significant",
    r"\bwhoever\b": "customers who, those who",
    r"\banew\b": "again",
    r"\bof late\b": "recently",
    r"\bnext to nothing\b": "close to zero",
    r"\blearnt\b": "learned",
}
# Refused in prose and in the report; an entry moves up when it is gone from the code, too.
BANNED_IN_PROSE = {
    r"\btold\b": "reported, known, predicted",  # A setting has this name.
    r"\bheld back\b": "held out",
    r"\bfacts\b": "attributes, features",
    r"\b(he|him|his)\b": "they, them, their",
}


def texts(*places: str) -> Iterator[Path]:
    """The files of these folders that people read."""
    for place in places:
        path = ROOT / place
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (file for file in files if file.suffix in TEXTS and file not in NAMING_THEM)


def prose(path: Path) -> list[str]:
    """The lines of a file; of Markdown without what is quoted from code."""
    text = path.read_text(encoding="utf-8")
    return (re.sub(r"`[^`\n]*`", "``", text) if path.suffix == ".md" else text).splitlines()


def found(pattern: str, *places: str) -> list[str]:
    """Where a pattern occurs: file, line, text."""
    banned = re.compile(pattern, re.IGNORECASE)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts(*places)
        for number, line in enumerate(prose(path), 1)
        if banned.search(line)
    ]


@pytest.mark.parametrize(("pattern", "better"), BANNED.items())
def test_a_word_of_a_private_vocabulary_is_nowhere(pattern: str, better: str) -> None:
    assert found(pattern, *EVERYWHERE) == [], f"write: {better}"


@pytest.mark.parametrize(("pattern", "better"), BANNED_IN_PROSE.items())
def test_a_word_of_a_private_vocabulary_is_not_in_prose(pattern: str, better: str) -> None:
    assert found(pattern, *PROSE) == [], f"write: {better}"


def test_words_are_found_in_prose_and_not_in_quoted_code(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("A feed tells all.\nThe setting `audit.told` and `tells` are names.\n")
    assert [bool(re.search(r"\btells?\b", line)) for line in prose(page)] == [True, False]
