"""A run's folder: whole files or none, damaged ones named, half-written lines left out."""

from __future__ import annotations

import os

import pytest
import torch

from spiceloop.errors import StorageError, StudyError
from spiceloop.kws.run_folder import RunFolder
from spiceloop.kws.train import COMMON, EpochRecord

HEAD = {"config": {}, "data": {}, "law": {}, "characterisation": {}, "versions": {}}


def record(epoch: int, arm: str = COMMON, loss: float = 1.0) -> EpochRecord:
    return EpochRecord(
        arm, epoch, loss, 0.5, 1e-9, 1e-8, 0.9, 1.5, 1e-3, (100.0, 200.0), (2.0, 2.0), (1.0, 1.0),
        (1e-5, 1e-5), {"worst_error": 1e-12, "seconds": 0.01, "channels": [{"f0": 100.0}]},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "new" / "run", HEAD)


def test_records_and_states_come_back(folder):
    state = {"epoch": 1, "x": torch.arange(3)}
    folder.save_epoch(record(1), state)
    folder.save_epoch(record(2), state | {"epoch": 2})
    folder.save_epoch(record(3, "learned"), state | {"epoch": 3})
    assert folder.records() == [record(1), record(2), record(3, "learned")]
    assert folder.last_state()["epoch"] == 2
    assert torch.equal(folder.last_state("learned")["x"], torch.arange(3))
    assert folder.last_state("fixed") is None
    assert folder.arms() == ["learned"]
    assert folder.head() == HEAD


def test_nothing_else_is_left_in_the_folder(folder):
    folder.save_epoch(record(1), {"epoch": 1})
    assert sorted(p.name for p in folder.path.iterdir()) == [
        "common.pt", "config.json", "epochs.jsonl",
    ]  # fmt: skip


def test_a_repeated_epoch_replaces_its_record(folder):
    for number in (1, 2, 3):
        folder.save_epoch(record(number), {"epoch": number})
    folder.save_epoch(record(2, loss=7.0), {"epoch": 2})
    assert [(r.epoch, r.loss) for r in folder.records()] == [(1, 1.0), (2, 7.0)]


def test_killed_between_record_and_checkpoint(folder, monkeypatch):
    """The record is there, the checkpoint is the one before: the epoch is trained again."""
    folder.save_epoch(record(1), {"epoch": 1})
    real = RunFolder._replace

    def killed(self, name, content):
        if name.endswith(".pt"):
            raise SystemExit
        real(self, name, content)

    monkeypatch.setattr(RunFolder, "_replace", killed)
    with pytest.raises(SystemExit):
        folder.save_epoch(record(2), {"epoch": 2})
    monkeypatch.undo()
    assert folder.last_state()["epoch"] == 1
    folder.save_epoch(record(2), {"epoch": 2})
    assert folder.records() == [record(1), record(2)]


def test_a_half_written_last_line_is_no_epoch(folder):
    folder.save_epoch(record(1), {"epoch": 1})
    file = folder.path / "epochs.jsonl"
    file.write_text(file.read_text() + '{"arm": "common", "ep')
    assert folder.records() == [record(1)]
    file.write_text("{}\n" + file.read_text())
    with pytest.raises(StudyError, match=r"epochs\.jsonl:1: not a finished epoch's record"):
        folder.records()


def test_a_damaged_checkpoint_is_named(folder):
    folder.save_epoch(record(1), {"epoch": 1})
    file = folder.path / "common.pt"
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(StudyError, match=r"checkpoint .*common\.pt cannot be read"):
        folder.last_state()


def test_a_checkpoint_never_runs_code(folder):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(folder.path / "owned"),)

    torch.save({"epoch": Evil()}, folder.path / "common.pt")
    with pytest.raises(StudyError, match="cannot be read"):
        folder.last_state()
    assert not (folder.path / "owned").exists()


def test_a_run_is_made_once_and_opened_only_where_it_is(folder, tmp_path):
    with pytest.raises(StudyError, match="already holds a co-design run"):
        RunFolder.create(folder.path, HEAD)
    with pytest.raises(StudyError, match="holds no co-design run"):
        RunFolder.open(tmp_path)
    with pytest.raises(StudyError, match=r"has no evaluation\.json"):
        folder.read_json("evaluation.json")


@pytest.mark.parametrize("text", ["{}", "[1]", "{", '{"config": {}}'])
def test_a_config_of_something_else(folder, text):
    (folder.path / "config.json").write_text(text)
    with pytest.raises(StudyError, match=r"config\.json"):
        RunFolder.open(folder.path).head()


def test_where_nothing_can_be_written(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StorageError, match="cannot make"):
        RunFolder.create(blocker / "run", HEAD)


def test_the_common_phase_of_another_run(folder, tmp_path):
    other = RunFolder.create(tmp_path / "other", HEAD)
    with pytest.raises(StudyError, match="has no finished epoch of the common phase"):
        other.take_common(folder)
    folder.save_epoch(record(1), {"epoch": 1})
    folder.save_epoch(record(2, "learned"), {"epoch": 2})
    other.take_common(folder)
    assert other.records() == [record(1)]
    assert other.last_state()["epoch"] == 1
    assert not other.arms()
