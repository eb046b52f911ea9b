"""``spiceloop data``: look at a set of spoken keywords, download the public one, or make one."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spiceloop.cli.arguments import JsonOption, at_least
from spiceloop.cli.bar import Bar
from spiceloop.cli.console import note, print_json, print_table, print_text
from spiceloop.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from spiceloop.kws.clips import SpeechData

__all__ = ["app", "read_words"]

app = typer.Typer(
    help="Check a set of spoken keywords, download the public one, or make a small one."
)

WordsOption = Annotated[
    str | None,
    typer.Option(
        "--words", metavar="A,B,…", help="The keywords, separated by commas.", show_default=False
    ),
]
TargetArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)
]


def read_words(text: str | None) -> tuple[str, ...] | None:
    """Return the words of ``yes,no,stop``; None for None."""
    return None if text is None else tuple(word.strip() for word in text.split(","))


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """Check a set of spoken keywords, download the public one, or make a small one."""
    if context.invoked_subcommand is None:
        print_text(context.get_help())


@app.command("check")
def check(
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="The folder of the recordings.", show_default=False),
    ],
    words: WordsOption = None,
    split_column: Annotated[
        str | None,
        typer.Option(help="The manifest's column of train, val, test.", show_default=False),
    ] = None,
    resample: Annotated[
        bool,
        typer.Option("--resample", help="Convert files of another rate, average channels."),
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Decode everything, keep nothing.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Decode every recording and say what there is: classes, splits, lengths, noise, doubts."""
    from spiceloop.kws.load import load_data

    with Bar() as bar:
        data = load_data(
            directory,
            words=read_words(words),
            split_column=split_column,
            resample=resample,
            cache=not no_cache,
            progress=partial(bar, "decoding"),
        )
    if json:
        print_json(_document(directory, data))
        return
    print_table(_table(data))
    seconds = data.samples / data.sample_rate
    print_text(f"\nclips of {seconds:g} s at {data.sample_rate} Hz; fingerprint {data.fingerprint}")
    for name, minutes, count in _noise(data):
        print_text(f"{name}: {count} recordings, {minutes:.1f} min")
    for warning in data.warnings:
        note(f"warning: {warning}")


@app.command("fetch")
def fetch(
    directory: TargetArgument,
    test_set: Annotated[
        bool,
        typer.Option("--test-set", help="Also the separate official test set (113 MB)."),
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(help="Another tar archive, such as a mirror's.", show_default=False),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            help="SHA-256 of that archive.", show_default="the public Speech Commands v0.02"
        ),
    ] = None,
) -> None:
    """Download Speech Commands v0.02 (2.4 GB, CC BY 4.0), check it and unpack it.

    Run the same command again to go on after an interruption.
    """
    from spiceloop.kws.fetch import SPEECH_COMMANDS, SPEECH_COMMANDS_TEST_SET, Archive
    from spiceloop.kws.fetch import fetch as fetch_archive
    from spiceloop.kws.speech_commands import TEST_SET, looks_like_speech_commands

    if sha256 is not None and url is None:
        raise InputError("--sha256 is for --url; the public archive's is known")
    archive = Archive(url or SPEECH_COMMANDS.url, (sha256 or SPEECH_COMMANDS.sha256).lower())
    with Bar() as bar:
        if not (test_set and looks_like_speech_commands(directory)):
            fetch_archive(archive, directory, bar)
        if test_set:
            fetch_archive(SPEECH_COMMANDS_TEST_SET, directory / TEST_SET, bar)
    print_text(str(directory))
    note(f"next: {shlex.join(['spiceloop', 'data', 'check', str(directory)])}")


@app.command("synth")
def synth(
    directory: TargetArgument,
    words: WordsOption = None,
    clips: Annotated[int, typer.Option(help="Training clips a word.")] = 150,
    seed: Annotated[int, typer.Option(help="Draws voices, speeds, pitches and noise.")] = 0,
    json: JsonOption = False,
) -> None:
    """Make a small set of spoken keywords with espeak-ng and flite, with noise.

    For trying things out: figures on it say nothing about real speech.
    """
    from spiceloop.kws.synth import DEFAULT_WORDS, synthesise

    at_least("--clips", clips, 10)
    at_least("--seed", seed, 0)
    with Bar() as bar:
        made = synthesise(
            directory,
            read_words(words) or DEFAULT_WORDS,
            clips=clips,
            seed=seed,
            progress=partial(bar, "speaking"),
        )
    for warning in made.warnings:
        note(f"warning: {warning}")
    check_it = ["spiceloop", "data", "check", str(directory)]
    if words is not None:
        check_it += ["--words", ",".join(made.words)]
    if json:
        print_json(
            {
                "folder": directory,
                "words": made.words,
                "others": made.others,
                "clips": made.clips,
                "programs": made.programs,
                "warnings": made.warnings,
                "check": shlex.join(check_it),
            }
        )
        return
    print_text(str(directory))
    note(
        f"{made.clips} clips of {', '.join(made.words)} and {len(made.others)} other words by "
        f"{' and '.join(made.programs)}; next: {shlex.join(check_it)}"
    )


def _table(data: SpeechData) -> Table:
    from rich.table import Table

    from spiceloop.kws.clips import SPLITS

    table = Table("class", *SPLITS, box=None, pad_edge=False, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    counts = {split: data.split(split).counts() for split in SPLITS}
    for name in data.classes:
        table.add_row(name, *(f"{counts[split][name]}" for split in SPLITS))
    table.add_row("clips", *(f"{len(data.split(split))}" for split in SPLITS))
    table.add_row(
        "minutes",
        *(
            f"{len(data.split(split)) * data.samples / data.sample_rate / 60:.1f}"
            for split in SPLITS
        ),
    )
    table.add_row("speakers", *(f"{n}" if n else "–" for n in _speakers(data).values()))
    return table


def _speakers(data: SpeechData) -> dict[str, int]:
    """The number of known speakers of each split."""
    from spiceloop.kws.clips import SPLITS

    return {split: len(set(data.split(split).speaker.tolist()) - {""}) for split in SPLITS}


def _noise(data: SpeechData) -> list[tuple[str, float, int]]:
    """Name, minutes and number of recordings of both kinds of noise."""
    return [
        (name, sum(map(len, recordings)) / data.sample_rate / 60, len(recordings))
        for name, recordings in (
            ("noise for training", data.noise_train),
            ("noise for testing only", data.noise_unseen),
        )
    ]


def _document(directory: Path, data: SpeechData) -> dict[str, object]:
    from spiceloop.kws.clips import SPLITS

    return {
        "folder": directory,
        "classes": data.classes,
        "clips": {split: data.split(split).counts() for split in SPLITS},
        "speakers": _speakers(data),
        "clip_seconds": data.samples / data.sample_rate,
        "sample_rate": data.sample_rate,
        "short": data.short,
        "cut": data.cut,
        "clipped": data.clipped,
        "noise_train": data.noise_train_names,
        "noise_unseen": data.noise_unseen_names,
        "fingerprint": data.fingerprint,
        "warnings": data.warnings,
    }
