"""What is new in a source: frames ready to append, checked as a whole before the first of them is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.ingest import bronze, drift
from cartograph.ingest.files import InputFile, InputNotFound, list_files
from cartograph.ingest.inputs import INTERNAL, URI, Probe, probe, read_files, read_table, same_spelling
from cartograph.ingest.known import Known, row_ids
from cartograph.ingest.reading import FileRead, Reading, n_pieces, reading
from cartograph.ingest.source import Source, SourceError, TableMapping
from cartograph.ingest.table_rows import Batch, NewRows, batch_id, new_of_table

Stored = Callable[[str], DataFrame | None]
_SLACK = timedelta(days=1)  # Clocks and time zones of shops and servers differ by less.


class TooManyUnreadable(UserError):
    """More of the input than allowed could not be read; nothing was written."""


@dataclass(frozen=True)
class Delivery:
    """The inputs to ingest.

    `until` is the first day that the inputs cannot know anything of (None: a day after a file was written). With
    `again`, batches that were read under another declaration are read again even if silver has them.
    """

    source: Source
    path: str
    until: date | None = None
    again: bool = False

    @property
    def known_until(self) -> datetime | None:
        """The beginning of `until`."""
        day = self.until
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)

    def location(self, name: str) -> str:
        """Where an input of the source lies."""
        return located(self.path, self.source.inputs[name].path)

    def keeps(self, batch: Known) -> bool:
        """Whether a batch in bronze stays as it is: read as declared now, or in silver and not to be read again."""
        return batch.declaration == self.source.declared(batch.target) or (batch.is_done and not self.again)


@dataclass(frozen=True)
class Found:
    """What is new per bronze table, the batches that it replaces, and what the user should know about the inputs."""

    new: tuple[NewRows, ...]
    replaced: tuple[Known, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class _Feed:
    """A bronze table that files feed: its new batches with their contents and files, and the batches they replace."""

    target: str
    mapping: TableMapping
    contents: dict[str, str]
    files_of: dict[str, InputFile]
    replaced: list[Known]

    @property
    def files(self) -> dict[str, InputFile]:
        """The file of each new batch."""
        return {batch: self.files_of[content] for batch, content in self.contents.items()}


@contextmanager
def new_rows(
    spark: SparkSession, delivery: Delivery, known: Mapping[str, Known], stored: Stored, max_quarantined_share: float
) -> Iterator[Found]:
    """What each bronze table that the source feeds does not hold yet. The frames are valid within the block.

    Columns are compared first, then every input is read once, kept on disk and counted.

    Args:
        known: the batches of this source in bronze, by content.
        stored: the rows of this source that a bronze table holds, by the table's name; None where there is no table.
        max_quarantined_share: the share of lines, and of files, that may be unreadable.

    Raises:
        InputNotFound: an input has no file, or a table cannot be reached.
        SchemaDrift: columns are missing, renamed or retyped.
        TooManyUnreadable: more than the allowed share cannot be read.
        SourceError: an expression does not fit the columns.
    """
    source = delivery.source
    feeds, listed = _new_files(spark, delivery, known)
    probes = {name: probe(spark, source.inputs[name], files, source.cleaning) for name, files in listed.items()}
    tables = {
        target: read_table(spark, source.inputs[mapping.input], delivery.location(mapping.input))
        for target, mapping in source.mappings.items()
        if source.inputs[mapping.input].is_table
    }
    comparisons = [found.comparison for each in probes.values() for found in each]
    comparisons += [comparison for _, comparison in tables.values()]
    drift.refuse(comparisons)
    _refuse_wrong_expressions(spark, source, feeds, probes)
    with ExitStack() as kept:
        readings = {name: kept.enter_context(reading(spark, source.inputs[name], probes[name])) for name in probes}
        new = [_new_of_files(spark, delivery, feed, readings, max_quarantined_share) for feed in feeds]
        replaced = [batch for feed in feeds for batch in feed.replaced]
        for target, (raw, _) in tables.items():
            outdated = [batch for batch in known.values() if batch.target == target and not delivery.keeps(batch)]
            held = stored(f"bronze.{target}")
            ids = None if held is None else row_ids(held, [batch.batch_id for batch in outdated])
            place = delivery.location(source.mappings[target].input)
            new.append(kept.enter_context(new_of_table(source, target, place, raw, ids, delivery.known_until)))
            replaced += outdated
        notices = [notice for each in comparisons for notice in each.notices]
        notices += _of_batches(source, known, new, replaced)
        yield Found(tuple(new), tuple(replaced), tuple(dict.fromkeys(notices)))


def _of_batches(
    source: Source, known: Mapping[str, Known], new: Sequence[NewRows], replaced: Sequence[Known]
) -> Iterator[str]:
    """Notices: how many batches are outdated and stay, how many are read again, or that nothing is new."""
    declared = {target: source.declared(target) for target in source.mappings}
    gone = {batch.batch_id for batch in replaced}
    stays = [batch for batch in known.values() if batch.batch_id not in gone]
    n = sum(batch.declaration != declared.get(batch.target, batch.declaration) for batch in stays)
    if n:
        yield f"{n} earlier batches were read under another declaration of {source.name}; --again reads them again"
    if replaced:
        yield f"{len(replaced)} batches are read again because their declaration has changed"
    if not any(each.batches for each in new):
        yield f"nothing new in source {source.name}"


def located(path: str, below: str) -> str:
    """The location of an input: `below` under `path`, or `path` itself when `below` is empty."""
    return f"{path.rstrip('/')}/{below}" if below else path


def _new_files(
    spark: SparkSession, delivery: Delivery, known: Mapping[str, Known]
) -> tuple[list[_Feed], dict[str, list[InputFile]]]:
    """The feeds with their new batches, and per input the files to read for them."""
    source = delivery.source
    used = [name for mapping in source.mappings.values() for name in (mapping.input, *mapping.join)]
    present = {name: _listed(spark, delivery, name) for name in used if not source.inputs[name].is_table}
    feeds: list[_Feed] = []
    to_read: dict[str, list[InputFile]] = {}
    for target, mapping in source.mappings.items():
        if mapping.input not in present:
            continue
        salt = [file.digest for name in mapping.join for file in present[name]]
        contents = {batch_id(source.name, target, file.digest, *salt): file for file in present[mapping.input]}
        outdated = [known[each] for each in contents if each in known and not delivery.keeps(known[each])]
        standing = known.keys() - {content for content, batch in known.items() if batch in outdated}
        new = {content: file for content, file in contents.items() if content not in standing}
        declared = source.declared(target)
        feeds.append(_Feed(target, mapping, {batch_id(content, declared): content for content in new}, new, outdated))
        to_read.setdefault(mapping.input, []).extend(feeds[-1].files.values())
        for name in mapping.join if feeds[-1].files else ():
            to_read.setdefault(name, []).extend(present[name])
    return feeds, {name: list(dict.fromkeys(files)) for name, files in to_read.items() if files}


def _listed(spark: SparkSession, delivery: Delivery, name: str) -> list[InputFile]:
    try:
        return list_files(spark, delivery.location(name))
    except InputNotFound as error:
        raise InputNotFound(f"input {name!r} of source {delivery.source.name!r}: {error}") from error


def _refuse_wrong_expressions(
    spark: SparkSession, source: Source, feeds: Sequence[_Feed], probes: dict[str, list[Probe]]
) -> None:
    """Resolves all expressions against the columns found, so that a wrong one is reported before anything is read."""
    raw = {
        name: read_files(spark, source.inputs[name], found)
        for name, found in probes.items()
        if any(each.schema for each in found)
    }
    for feed in feeds:
        if feed.files and all(name in raw for name in (feed.mapping.input, *feed.mapping.join)):
            _canonical(source, feed, _with_batches(spark, raw[feed.mapping.input], feed, None), raw)


def _new_of_files(
    spark: SparkSession, delivery: Delivery, feed: _Feed, readings: dict[str, Reading], max_share: float
) -> NewRows:
    """The rows of one table's new files, and what could not be read of them."""
    if not feed.files:
        return NewRows(feed.target, (), None, None)
    source, found = delivery.source, readings[feed.mapping.input]
    of_file = {read.file.digest: read for read in found.files}
    batches = tuple(_batch(batch, feed.contents[batch], of_file[file.digest]) for batch, file in feed.files.items())
    _refuse_unreadable(feed.target, batches, max_share)
    quarantine = _unreadable_files(spark, source.name, batches)
    if found.rows is None:
        return NewRows(feed.target, batches, None, quarantine)
    lookups = {name: _lookup(name, column, readings[name]) for name, column in feed.mapping.join.items()}
    raw = _with_batches(spark, found.rows, feed, delivery.known_until)
    rows = _canonical(source, feed, raw, lookups)
    if any(batch.n_quarantined for batch in batches):
        corrupt = bronze.corrupt_rows(raw, source.name)
        quarantine = corrupt if quarantine is None else corrupt.unionByName(quarantine)
    return NewRows(feed.target, batches, rows.coalesce(n_pieces(spark, list(feed.files.values()))), quarantine)


def _batch(batch: str, content: str, read: FileRead) -> Batch:
    return Batch(batch, content, read.file.name, read.n_read, read.n_corrupt, read.unreadable)


def _with_batches(spark: SparkSession, raw: DataFrame, feed: _Feed, until: datetime | None) -> DataFrame:
    """The raw rows of the feed's new files, with the batch and name of their file, and until when it was known."""
    known = [(same_spelling(file.uri), batch, file.name, until or _written(file)) for batch, file in feed.files.items()]
    columns = f"{URI} string, {bronze.BATCH} string, {bronze.FILE} string, {bronze.UNTIL} timestamp"
    return raw.join(F.broadcast(spark.createDataFrame(known, columns)), URI)


def _written(file: InputFile) -> datetime | None:
    """The instant at which all events in a file must have happened."""
    return None if file.written_at is None else datetime.fromtimestamp(file.written_at, UTC) + _SLACK


def _canonical(source: Source, feed: _Feed, raw: DataFrame, lookups: dict[str, DataFrame]) -> DataFrame:
    """Rows of the feed's table, the small inputs joined."""
    for name, column in feed.mapping.join.items():
        try:
            raw = raw.join(F.broadcast(lookups[name].drop(*INTERNAL)), column, "left")
        except AnalysisException as error:
            raise SourceError(
                f"{feed.target} joins {name} by {column!r}, which is not a column of both inputs"
            ) from error
    return bronze.canonical_rows(raw, source.name, feed.target, feed.mapping)


def _lookup(name: str, column: str, found: Reading) -> DataFrame:
    """All rows of a small input; none may be missing, as other rows depend on them.

    Raises:
        TooManyUnreadable: some of it cannot be read.
        SourceError: two rows have the same value to join by.
    """
    broken = [f"{read.file.name}: {read.unreadable}" for read in found.files if read.unreadable]
    broken += [f"{read.file.name}: {read.n_corrupt} lines" for read in found.files if read.n_corrupt]
    if broken or found.rows is None:
        raise TooManyUnreadable(f"input {name!r}, which is joined to others, cannot be read: {'; '.join(broken)}")
    twice = found.rows.groupBy(column).count().where("count > 1").first()
    if twice:
        raise SourceError(
            f"input {name!r} has {twice['count']} rows of {column} {twice[0]!r}; a joined input may have only one"
        )
    return found.rows


def _unreadable_files(spark: SparkSession, source: str, batches: Sequence[Batch]) -> DataFrame | None:
    """Rows of bronze.quarantine: one per file that cannot be read at all."""
    rows = [
        (source, b.batch_id, b.source_file, f"{b.batch_id}:file", b.unreadable, None) for b in batches if b.unreadable
    ]
    return spark.createDataFrame(rows, table("bronze.quarantine").columns) if rows else None


def _refuse_unreadable(target: str, batches: Sequence[Batch], max_share: float) -> None:
    n_read, n_corrupt = sum(b.n_read for b in batches), sum(b.n_quarantined for b in batches)
    broken = [batch for batch in batches if batch.unreadable]
    allowed = f"more than ingest.max_quarantined_share = {max_share:g} allows; nothing was written"
    if n_corrupt > max_share * n_read:
        worst = max(batches, key=lambda batch: batch.n_quarantined)
        raise TooManyUnreadable(
            f"{n_corrupt} of {n_read} lines for bronze.{target} cannot be read ({worst.n_quarantined} of them in "
            f"{worst.source_file}), {allowed}"
        )
    if len(broken) > max_share * len(batches):
        reasons = "; ".join(f"{batch.source_file}: {batch.unreadable}" for batch in broken[:5])
        raise TooManyUnreadable(
            f"{len(broken)} of {len(batches)} files for bronze.{target} cannot be read, {allowed} ({reasons})"
        )
