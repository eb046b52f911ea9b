"""Files and URLs behind a study: durability settings, damage, disk full."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from spiceloop.errors import StorageError, StudyError
from spiceloop.study.storage import default_url, file_of, file_url, open_storage
from spiceloop.study.store import Settings, Study
from spiceloop.study.trial import Failure, Origin, TrialState

A = {"r": 2e3, "c": 1e-9}
METRICS = {"f3db": 8e4, "ipeak": 5e-4, "rise": 4.4e-6}


@pytest.mark.parametrize("url", ["study.db", "", "sqlite://", "sqlite:///:memory:", "journal:///"])
def test_what_is_no_lasting_url(url):
    with pytest.raises(StudyError, match=r"expected for example sqlite:///study\.db"):
        open_storage(url)


def test_an_unknown_server_does_not_leak_its_password():
    url = "postgresql+nosuchdriver://me:secret@host/db"
    with pytest.raises(StorageError) as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)


def test_file_of():
    assert file_of("sqlite:////a/b.db?timeout=3") == Path("/a/b.db")
    assert file_of("journal:///b.log") == Path("b.log")
    assert file_of("postgresql://host/db") is None
    assert file_of("journal:////a/what?/b.log") == Path("/a/what?/b.log")


@pytest.mark.parametrize("name", ["what?", "50%", "%41%3F", "{r}", "a\nb", "a#b&c=1", "µ+ 1"])
def test_the_file_lies_in_the_very_folder_whatever_its_name(bench, tmp_path, name):
    folder = tmp_path / "runs" / name
    folder.mkdir(parents=True)
    url = default_url(folder)
    assert file_of(url) == folder / "study.db"
    study = Study.create(bench, url, Settings())
    study.begin(A, Origin.START)
    study.finish(0, METRICS, simulation_s=1.0)
    assert (folder / "study.db").stat().st_size > 0
    assert [p.name for p in folder.parent.iterdir()] == [name]
    assert len(Study.open(url, bench=bench).trials) == 1


@pytest.mark.parametrize("name", ["what?.log", "50%.journal"])
def test_a_journal_too(bench, tmp_path, name):
    url = file_url(tmp_path / name)
    Study.create(bench, url, Settings())
    assert (tmp_path / name).is_file()


def test_a_question_mark_that_begins_no_options(tmp_path):
    with pytest.raises(StudyError, match=r"'/study\.db' is none; write %3F"):
        open_storage(f"sqlite:///{tmp_path}/what?/study.db")
    assert list(tmp_path.iterdir()) == []


def test_braces_of_a_url_are_not_filled_in(bench, tmp_path):
    Study.create(bench, f"sqlite:///{tmp_path}/a{{r}}.db", Settings())
    assert (tmp_path / "a{r}.db").is_file()


def test_every_sqlite_connection_syncs_fully(bench, url):
    study = Study.create(bench, url, Settings())
    with study._storage.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"


def test_a_file_that_is_no_study(tmp_path):
    (tmp_path / "x.db").write_text("something else, longer than a header " * 100)
    with pytest.raises(StorageError, match="damaged or is no study"):
        Study.open(f"sqlite:///{tmp_path / 'x.db'}")


def test_a_full_disk_ends_with_what_to_do_and_loses_nothing(bench, url):
    """The page limit makes SQLite raise just what a full disk makes it raise."""
    study = Study.create(bench, url, Settings())
    study.begin(A, Origin.START)
    study.finish(0, METRICS, simulation_s=1.0)
    for i in range(8):
        study.begin({**A, "r": 3e3 + i}, Origin.INITIAL)

    from sqlalchemy import event

    def full(connection, _record):
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size instead

    study._storage.engine.dispose()
    event.listen(study._storage.engine, "connect", full)
    failure = Failure("crash", "a long message " * 2000)

    def write_all():
        for number in range(1, 9):
            study.finish(number, failure, simulation_s=1.0)

    with pytest.raises(StorageError, match=r"full.*make room, then `spiceloop resume`"):
        write_all()
    kept = Study.open(url, bench=bench).trials
    assert kept == study.trials
    assert dict(kept[0].metrics) == METRICS
    assert any(t.state is TrialState.RUNNING for t in kept)


def test_a_locked_file_is_said(bench, url, monkeypatch):
    monkeypatch.setattr("spiceloop.study.storage.BUSY_S", 0.1)
    study = Study.create(bench, url, Settings())
    study.begin(A, Origin.START)
    other = sqlite3.connect(file_of(url))
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(StorageError, match=r"locked.*another process held it"):
            study.finish(0, METRICS, simulation_s=1.0)
    finally:
        other.close()
    study.finish(0, METRICS, simulation_s=1.0)
    assert Study.open(url, bench=bench).trials[0].state is TrialState.DONE


def test_a_journal_whose_last_line_was_torn_by_a_kill_is_readable(bench, tmp_path):
    file = tmp_path / "study.log"
    url = f"journal:///{file}"
    study = Study.create(bench, url, Settings())
    study.begin(A, Origin.START)
    study.finish(0, METRICS, simulation_s=1.0)
    with file.open("a") as stream:
        stream.write('{"op_code": 4, "worker_id": "12')
    again = Study.open(url, bench=bench)
    assert again.trials == study.trials
    again.begin({**A, "r": 3e3}, Origin.INITIAL)
    again.finish(1, METRICS, simulation_s=1.0)
    assert len(Study.open(url, bench=bench).trials) == 2
