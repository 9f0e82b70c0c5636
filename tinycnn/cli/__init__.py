"""The command line: `tinycnn train`, `evaluate`, `predict`, `info`, `bench`.

Exit status: 0 done; 2 an error of the user's or of the machine's, told in one line on stderr; 130 interrupted. Anything else that
goes wrong is a bug of tinycnn and shows its traceback.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from tinycnn.cli.arguments import parse
from tinycnn.errors import TinyCNNError

__all__ = ["main"]

#: Command -> the module of this package whose function of that name it is; only that one is imported.
_HOMES = {"train": "learning", "evaluate": "learning", "predict": "learning", "info": "machine", "bench": "machine"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; `argv` is what follows the program's name (default: the process's own). Returns the exit status."""
    _open_streams()
    try:
        arguments = parse(argv)
        module = importlib.import_module(f"tinycnn.cli.{_HOMES[arguments.command]}")
        status: int = getattr(module, arguments.command)(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _fail("interrupted", status=130)
    except BrokenPipeError:  # `tinycnn info | head -1`: nobody reads on, so there is nobody to tell
        return 2
    except SystemExit as ended:
        if ended.code != 1:  # argparse's are 0 and 2
            raise
        return 2  # rich's answer to a broken pipe
    except MemoryError:
        return _fail("out of memory; a smaller --batch-size needs less")
    except (TinyCNNError, OSError) as error:
        return _fail(str(error))
    finally:
        _drop_unwritten()


def _open_streams() -> None:
    """Let stdout and stderr take whatever is printed: escaped what their encoding lacks, and into nothing if they are closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", errors="backslashreplace"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_unwritten() -> None:
    """What stdout would not take, the interpreter would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, status: int = 2) -> int:
    """One line on stderr."""
    print("tinycnn:", " ".join(message.split()), file=sys.stderr)
    return status
