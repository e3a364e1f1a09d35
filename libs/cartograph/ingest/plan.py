"""What of a source is new: frames ready to append, checked as a whole before the first of them is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cartograph.core.errors import UserError
from cartograph.core.tables.schema import table
from cartograph.ingest import bronze, drift
from cartograph.ingest.files import InputFile, InputNotFound, list_files
from cartograph.ingest.inputs import INTERNAL, URI, Probe, probe, read_files, read_table, same_spelling
from cartograph.ingest.reading import FileRead, Reading, n_pieces, reading
from cartograph.ingest.source import Mapping as Declared
from cartograph.ingest.source import Source, SourceError
from cartograph.ingest.table_rows import Batch, NewRows, batch_id, new_of_table

StoredRowIds = Callable[[str, Sequence[str]], DataFrame | None]
_SLACK = timedelta(days=1)  # clocks and time zones of shops and servers differ by less


class TooManyUnreadable(UserError):
    """More of the input than allowed could not be read; nothing was written."""


@dataclass(frozen=True)
class Known:
    """A batch that is in bronze, the declaration it was read under, and whether silver has it."""

    batch_id: str
    target: str
    declaration: str
    is_done: bool


@dataclass(frozen=True)
class Found:
    """Per bronze table what is new, what it replaces, and what the user should know about the inputs."""

    new: tuple[NewRows, ...]
    replaced: tuple[Known, ...]
    notices: tuple[str, ...]


@dataclass(frozen=True)
class _Feed:
    """A bronze table that files feed: its new batches with their contents, the files of these, what they replace."""

    target: str
    mapping: Declared
    contents: dict[str, str]
    files_of: dict[str, InputFile]
    replaced: list[Known]

    @property
    def files(self) -> dict[str, InputFile]:
        """The file of each new batch."""
        return {batch: self.files_of[content] for batch, content in self.contents.items()}


@contextmanager
def new_rows(
    spark: SparkSession,
    source: Source,
    path: str,
    known: Mapping[str, Known],
    stored_row_ids: StoredRowIds,
    max_quarantined_share: float,
    until: datetime | None = None,
    again: bool = False,
) -> Iterator[Found]:
    """Per bronze table that the source feeds: what is there and not yet ingested. The frames hold within the block.

    Columns are compared first, then every input is read once, kept on disk and counted.

    Args:
        path: where the source's inputs lie.
        known: the batches of this source in bronze, by content.
        stored_row_ids: the `row_id`s that bronze.<target> holds of this source, but for the batches named (None when
            empty), for tables.
        max_quarantined_share: the share of lines, and of files, that may be unreadable.
        until: nothing can have happened from then on; None: a day after a file was written.
        again: batches that were read under another declaration are read again even where silver has them.

    Raises:
        InputNotFound: an input has no file, or a table cannot be reached.
        SchemaDrift: columns are missing, renamed or retyped.
        TooManyUnreadable: more than the allowed share cannot be read.
        SourceError: an expression does not fit the columns.
    """
    feeds, listed = _new_files(spark, source, path, known, again)
    probes = {name: probe(spark, source.inputs[name], files, source.cleaning) for name, files in listed.items()}
    tables = {
        target: read_table(spark, source.inputs[mapping.input], located(path, source.inputs[mapping.input].path))
        for target, mapping in source.mappings.items()
        if source.inputs[mapping.input].is_table
    }
    comparisons = [found.comparison for each in probes.values() for found in each]
    comparisons += [comparison for _, comparison in tables.values()]
    drift.refuse(comparisons)
    _refuse_wrong_expressions(spark, source, feeds, probes)
    with ExitStack() as kept:
        readings = {name: kept.enter_context(reading(spark, source.inputs[name], probes[name])) for name in probes}
        new = [_new_of_files(spark, source, feed, readings, max_quarantined_share, until) for feed in feeds]
        replaced = [batch for feed in feeds for batch in feed.replaced]
        for target, (raw, _) in tables.items():
            mapping = source.mappings[target]
            place = located(path, source.inputs[mapping.input].path)
            outdated = [b for b in known.values() if b.target == target and not _stands(b, source, again)]
            stored = stored_row_ids(target, [batch.batch_id for batch in outdated])
            new.append(kept.enter_context(new_of_table(source, target, mapping, place, raw, stored, until)))
            replaced += outdated
        notices = [notice for each in comparisons for notice in each.notices] + _outdated(source, known, replaced)
        yield Found(tuple(new), tuple(replaced), tuple(dict.fromkeys(notices)))


def _stands(batch: Known, source: Source, again: bool) -> bool:
    """Whether a batch in bronze stays as it is: read as declared now, or in silver already and not asked for again."""
    return batch.declaration == source.declared(batch.target) or (batch.is_done and not again)


def _outdated(source: Source, known: Mapping[str, Known], replaced: Sequence[Known]) -> list[str]:
    """What to say of batches that stay although the declaration has changed since."""
    declared = {target: source.declared(target) for target in source.mappings}
    gone = {batch.batch_id for batch in replaced}
    stays = [batch for batch in known.values() if batch.batch_id not in gone]
    n = sum(batch.declaration != declared.get(batch.target, batch.declaration) for batch in stays)
    told = f"{n} earlier batches were read under another declaration of {source.name}; --again reads them anew"
    return [told] if n else []


def located(path: str, below: str) -> str:
    """The place of an input: `below` under `path`, or `path` itself when `below` is empty."""
    return f"{path.rstrip('/')}/{below}" if below else path


def _new_files(
    spark: SparkSession, source: Source, path: str, known: Mapping[str, Known], again: bool
) -> tuple[list[_Feed], dict[str, list[InputFile]]]:
    """The feeds with their new batches, and per input the files to read for them."""
    used = [name for mapping in source.mappings.values() for name in (mapping.input, *mapping.join)]
    there = {name: _listed(spark, source, name, path) for name in used if not source.inputs[name].is_table}
    feeds: list[_Feed] = []
    wanted: dict[str, list[InputFile]] = {}
    for target, mapping in source.mappings.items():
        if mapping.input not in there:
            continue
        salt = [file.digest for name in mapping.join for file in there[name]]
        contents = {batch_id(source.name, target, file.digest, *salt): file for file in there[mapping.input]}
        outdated = [known[each] for each in contents if each in known and not _stands(known[each], source, again)]
        standing = known.keys() - {content for content, batch in known.items() if batch in outdated}
        new = {content: file for content, file in contents.items() if content not in standing}
        declared = source.declared(target)
        feeds.append(_Feed(target, mapping, {batch_id(content, declared): content for content in new}, new, outdated))
        wanted.setdefault(mapping.input, []).extend(feeds[-1].files.values())
        for name in mapping.join if feeds[-1].files else ():
            wanted.setdefault(name, []).extend(there[name])
    return feeds, {name: list(dict.fromkeys(files)) for name, files in wanted.items() if files}


def _listed(spark: SparkSession, source: Source, name: str, path: str) -> list[InputFile]:
    try:
        return list_files(spark, located(path, source.inputs[name].path))
    except InputNotFound as error:
        raise InputNotFound(f"input {name!r} of source {source.name!r}: {error}") from error


def _refuse_wrong_expressions(
    spark: SparkSession, source: Source, feeds: Sequence[_Feed], probes: dict[str, list[Probe]]
) -> None:
    """Resolves all expressions against the columns found, so that a wrong one is told before anything is read."""
    raw = {
        name: read_files(spark, source.inputs[name], found)
        for name, found in probes.items()
        if any(each.schema for each in found)
    }
    for feed in feeds:
        if feed.files and all(name in raw for name in (feed.mapping.input, *feed.mapping.join)):
            _canonical(source, feed, _with_batches(spark, raw[feed.mapping.input], feed, None), raw)


def _new_of_files(
    spark: SparkSession, source: Source, feed: _Feed, readings: dict[str, Reading], most: float, until: datetime | None
) -> NewRows:
    """The rows of one table's new files, and what could not be read of them."""
    if not feed.files:
        return NewRows(feed.target, (), None, None)
    found = readings[feed.mapping.input]
    of_file = {read.file.digest: read for read in found.files}
    batches = tuple(_batch(batch, feed.contents[batch], of_file[file.digest]) for batch, file in feed.files.items())
    _refuse_unreadable(feed.target, batches, most)
    quarantine = _unreadable_files(spark, source.name, batches)
    if found.rows is None:
        return NewRows(feed.target, batches, None, quarantine)
    lookups = {name: _lookup(name, column, readings[name]) for name, column in feed.mapping.join.items()}
    raw = _with_batches(spark, found.rows, feed, until)
    rows = _canonical(source, feed, raw, lookups)
    if any(batch.n_quarantined for batch in batches):
        corrupt = bronze.corrupt_rows(raw, source.name)
        quarantine = corrupt if quarantine is None else corrupt.unionByName(quarantine)
    return NewRows(feed.target, batches, rows.coalesce(n_pieces(spark, list(feed.files.values()))), quarantine)


def _batch(batch: str, content: str, read: FileRead) -> Batch:
    return Batch(batch, content, read.file.name, read.n_read, read.n_corrupt, read.unreadable)


def _with_batches(spark: SparkSession, raw: DataFrame, feed: _Feed, until: datetime | None) -> DataFrame:
    """The raw rows of the feed's new files, with the batch and name of their file, and when it was known."""
    known = [(same_spelling(file.uri), batch, file.name, until or _written(file)) for batch, file in feed.files.items()]
    columns = f"{URI} string, {bronze.BATCH} string, {bronze.FILE} string, {bronze.UNTIL} timestamp"
    return raw.join(F.broadcast(spark.createDataFrame(known, columns)), URI)


def _written(file: InputFile) -> datetime | None:
    """The instant from which on nothing in a file can have happened yet."""
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
    """The rows of a small input; all of them, as a missing one would spoil others.

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
            f"input {name!r} has {twice['count']} rows of {column} {twice[0]!r}; to join it, it may have one"
        )
    return found.rows


def _unreadable_files(spark: SparkSession, source: str, batches: Sequence[Batch]) -> DataFrame | None:
    """Rows of bronze.quarantine: one per file that cannot be read at all."""
    rows = [
        (source, b.batch_id, b.source_file, f"{b.batch_id}:file", b.unreadable, None) for b in batches if b.unreadable
    ]
    return spark.createDataFrame(rows, table("bronze.quarantine").columns) if rows else None


def _refuse_unreadable(target: str, batches: Sequence[Batch], most: float) -> None:
    n_read, n_corrupt = sum(b.n_read for b in batches), sum(b.n_quarantined for b in batches)
    broken = [batch for batch in batches if batch.unreadable]
    allowed = f"more than ingest.max_quarantined_share = {most:g} allows; nothing was written"
    if n_corrupt > most * n_read:
        worst = max(batches, key=lambda batch: batch.n_quarantined)
        raise TooManyUnreadable(
            f"{n_corrupt} of {n_read} lines for bronze.{target} cannot be read ({worst.n_quarantined} of them in "
            f"{worst.source_file}), {allowed}"
        )
    if len(broken) > most * len(batches):
        reasons = "; ".join(f"{batch.source_file}: {batch.unreadable}" for batch in broken[:5])
        raise TooManyUnreadable(
            f"{len(broken)} of {len(batches)} files for bronze.{target} cannot be read, {allowed} ({reasons})"
        )
