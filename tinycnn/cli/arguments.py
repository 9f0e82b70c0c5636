"""What may stand on the command line. Imports nothing heavy, so that `tinycnn --help` answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tinycnn.version import __version__

__all__ = ["DATASETS", "parse"]

#: Names for --dataset; each is a module of `tinycnn.datasets`.
DATASETS = ("fashion_mnist", "mnist", "synthetic_fashion")


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed arguments; a mistake in them ends the process with one line and status 2."""
    return _parser().parse_args(argv)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinycnn: {message} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Argparse's own keeps silent when it cannot print."""
        print(message, end="", file=file or sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="tinycnn", description="A light CNN framework for the CPU.")
    parser.add_argument("--version", action="version", version=f"tinycnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    kernels = _Parser(add_help=False)
    kernels.add_argument(
        "--threads", type=_positive, metavar="N", help="threads of the kernels (default: $TINYCNN_NUM_THREADS or all cores)"
    )
    kernels.add_argument("--backend", choices=("auto", "c", "numba", "numpy"), help="which kernels run (default: $TINYCNN_BACKEND or auto)")

    data = _Parser(add_help=False)
    data.add_argument(
        "--data", type=_path, metavar="FOLDER", help="where the data set's files are (default: $TINYCNN_DATA, cache, download)"
    )

    train = commands.add_parser("train", parents=[kernels, data], help="train the tutorial's CNN", description=_TRAIN)
    train.add_argument("--dataset", choices=DATASETS, help="insist on this data set")
    train.add_argument("--epochs", type=_positive, default=20, metavar="N", help="times through the training pictures (default: 20)")
    train.add_argument("--batch-size", type=_positive, default=64, metavar="N", help="pictures a step (default: 64)")
    train.add_argument("--seed", type=_natural, default=0, metavar="N", help="same seed, same model, bit for bit (default: 0)")
    train.add_argument("--out", type=_path, metavar="RUN", help="a new folder for the results (default: runs/<time>-<data set>)")

    evaluate = commands.add_parser("evaluate", parents=[kernels, data], help="test loss and accuracy of a trained model")
    _add_run(evaluate)
    evaluate.add_argument("--dataset", choices=DATASETS, help="test on this data set (default: the one it was trained on)")
    evaluate.add_argument("--batch-size", type=_positive, default=64, metavar="N", help="pictures at a time (default: 64)")

    evaluate.add_argument("--plots", action="store_true", help="draw the confusion matrix and the surest mistakes into the run folder")

    predict = commands.add_parser("predict", parents=[kernels], help="what is on these pictures?")
    _add_run(predict)
    predict.add_argument(
        "images", type=_path, nargs="+", metavar="IMAGE", help="a picture (PNG, JPEG, ...) of any size, colours or not; one garment each"
    )

    commands.add_parser("info", parents=[kernels], help="versions, instruction set, threads, backends")
    commands.add_parser("bench", parents=[kernels], help="time the kernels on this machine, in less than 20 seconds")
    return parser


_TRAIN = """Trains the CNN of the Keras tutorial on Fashion-MNIST and writes the model, its history and its curves into a run folder.
Where Fashion-MNIST cannot be had, an embedded set of drawn garments takes its place, and the run says so."""


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=_path, metavar="RUN", help="the folder that `tinycnn train` wrote")


def _path(text: str) -> Path:
    if not text:  # to Path it would be the working folder
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _positive(text: str) -> int:
    value = _natural(text)
    if value == 0:
        raise argparse.ArgumentTypeError("expected a whole number from 1, got 0")
    return value


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(text)
