"""docs/keras.md: every public name of Keras, and what tinycnn has under it.

    python docs/tools/keras_table.py            # writes docs/keras.md from keras_names.json, keras_notes.toml and tinycnn itself
    python docs/tools/keras_table.py --update   # first writes keras_names.json anew, from the Keras that is installed

What can be found by reflection is: which names exist, and which arguments and defaults differ. What cannot stands in keras_notes.toml:
why a name is absent, and how one behaves differently. tests/test_keras_table.py fails when a name has no verdict, when a note is no longer
true, and when docs/keras.md is not what this script makes.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES, NOTES, PAGE = HERE / "keras_names.json", HERE / "keras_notes.toml", HERE.parent / "keras.md"

#: What has a section; "" is the top level. Any other module is one row of the module it is in.
MODULES = (
    "", "models", "layers", "activations", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers",
    "optimizers.schedules", "callbacks", "ops", "ops.image", "ops.nn", "ops.numpy", "ops.linalg", "random", "utils", "saving", "config",
    "backend", "wrappers", "datasets", "datasets.cifar10", "datasets.cifar100", "datasets.fashion_mnist", "datasets.mnist",
)  # fmt: skip

#: Where a name of a module that is only a second path has its notes.
FIRST_PATHS = dict.fromkeys(("ops.nn", "ops.numpy", "ops.linalg"), "ops")

#: Modules of Keras that are not underscored and yet its own.
PRIVATE = {"src"}

#: Keras's classes list some arguments of all layers, and tinycnn's take those as **kwargs.
OF_ALL_LAYERS = {"autocast"}

#: What tinycnn's classes call the arguments that their base takes, and those that are refused.
HANDED_ON, REFUSED = {"kwargs", "options"}, {"unknown"}

#: argument -> its default as text, None if it has none; None for what has no signature; the names in it for a module.
Signature = dict[str, str | None] | list[str] | None


def signature(thing: Any, with_bases: bool = False) -> Signature:
    """The arguments of a class or function, on demand with those that a class hands on to its bases; None for what has no signature."""
    if inspect.ismodule(thing):
        return _dir(thing)
    try:
        parameters = dict(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return None
    for base in thing.__mro__[1:] if with_bases and inspect.isclass(thing) else ():
        if (rest := HANDED_ON & set(parameters)) and "__init__" in vars(base):
            del parameters[rest.pop()]
            parameters |= {n: p for n, p in inspect.signature(base).parameters.items() if n not in parameters}
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {stars.get(p.kind, "") + p.name: None if p.default is p.empty else _text(p.default) for p in parameters.values()}


def _text(default: Any) -> str:
    """A default as one would write it, or the name of the function or class that it is."""
    if isinstance(default, (list, tuple)):
        return "(" + ", ".join(_text(item) for item in default) + ("," if len(default) == 1 else "") + ")"
    if isinstance(default, float) and default.is_integer() and abs(default) < 1e9:
        return str(int(default))
    if default is None or isinstance(default, (bool, int, float, str)):
        return repr(default)
    return getattr(default, "__name__", "...")


def _dir(module: Any) -> list[str]:
    return sorted(name for name in dir(module) if not name.startswith("_") and name not in PRIVATE)


def public_names(package: str, module: str) -> dict[str, Signature]:
    """name -> signature of everything public in `package.module`, but for modules that have a section."""
    found = _module(package, module)
    return {name: signature(getattr(found, name)) for name in _dir(found) if full_name(module, name) not in MODULES}


def _module(package: str, module: str) -> Any:
    return importlib.import_module(full_name(package, module).removesuffix("."))


def full_name(module: str, name: str) -> str:
    """The name as it follows `keras.` and `tinycnn.`."""
    return f"{module}.{name}" if module else name


def has(module: str, name: str) -> bool:
    """Whether tinycnn makes it public: that it can be reached is not enough."""
    return name in _module("tinycnn", module).__all__


def read_names() -> dict[str, Any]:
    """{"version": of Keras, "names": {module: {name: signature}}}"""
    found: dict[str, Any] = json.loads(NAMES.read_text(encoding="utf-8"))
    return found


def names_of_keras() -> str:
    """What keras_names.json should hold, by the Keras that is installed; a name a line."""
    import keras

    sections = []
    for module in MODULES:
        lines = [f"   {json.dumps(name)}: {json.dumps(found)}" for name, found in public_names("keras", module).items()]
        sections.append(f"  {json.dumps(module)}: {{\n" + ",\n".join(lines) + "\n  }")
    return f'{{\n "version": {json.dumps(keras.__version__)},\n "names": {{\n' + ",\n".join(sections) + "\n }\n}\n"


def read_notes() -> tuple[dict[str, str], dict[str, str]]:
    """(full name -> why it is absent, full name -> how it differs)."""
    notes = tomllib.loads(NOTES.read_text(encoding="utf-8"))
    absent = {name: reason for reason, names in notes["absent"].items() for name in names.split()}
    differs = {name: how for how, names in notes["differs"].items() for name in names.split()}
    return absent, differs


def compare(keras: Signature, own: Signature) -> tuple[list[str], list[str]]:
    """(what a call written for Keras could stumble over, what tinycnn takes beyond it)."""
    if not isinstance(keras, dict) or not isinstance(own, dict):
        return [], []
    named, mine = ([name for name in names if not name.startswith("*")] for names in (keras, own))
    shared = [name for name in named if name in own]
    takes_all = any(name.startswith("**") and name[2:] not in HANDED_ON | REFUSED for name in own)
    missing = [f"`{name}`" for name in named if name not in own and name not in OF_ALL_LAYERS and not takes_all]
    found = [f"no {', '.join(missing)}"] if missing else []
    other = [name for name in shared if name != "name" and keras[name] is not None and _alike(own[name]) != _alike(keras[name])]
    found += [f"`{name}` is {_default(own[name])}, not {_default(keras[name])}" for name in other]
    ordered = [name for name in mine if name in keras]
    if shared != ordered and "**kwargs" not in own:
        found.append(f"order: {', '.join(f'`{name}`' for name in ordered)}")
    return found, [] if {"*args", "**kwargs"} & set(keras) else [name for name in mine if name not in keras]


def _alike(default: str | None) -> str | None:
    """One text for defaults that mean the same: (2, 2) and 2, "Zeros" and "zeros"."""
    same = re.fullmatch(r"\((\w+)(, \1)+\)", default or "")
    return same[1] if same else default and default.casefold()


def _default(text: str | None) -> str:
    return "required" if text is None else f"`{text}`"


def _note(notes: dict[str, str], module: str, name: str) -> str | None:
    return notes.get(full_name(module, name), notes.get(full_name(FIRST_PATHS.get(module, module), name)))


def verdict(module: str, name: str, keras: Signature, absent: dict[str, str], differs: dict[str, str]) -> tuple[str, str]:
    """("same" | "differs" | "absent" | "", details); "" is a name without a verdict."""
    why, how = _note(absent, module, name), _note(differs, module, name)
    if not has(module, name):
        return ("absent", why) if why else ("", "")
    own = getattr(_module("tinycnn", module), name)
    if inspect.ismodule(own) != isinstance(keras, list):
        found, more = [f"is {'a' if inspect.ismodule(own) else 'no'} module"], []
    elif isinstance(keras, list):
        missing = [f"`{part}`" for part in keras if not hasattr(own, part)]
        found, more = [f"no {', '.join(missing)}"] if missing else [], []
    else:
        found, more = compare(keras, signature(own, with_bases=True))
    if how:
        found.insert(0, how)
    also = [f"also takes {', '.join(f'`{argument}`' for argument in more)}"] if more else []
    return ("differs" if found else "same"), "; ".join(found + also)


def problems() -> list[str]:
    """Names without a verdict, and notes on names that Keras has not, or that contradict tinycnn."""
    here = [(module, name) for module, names in read_names()["names"].items() for name in names]
    absent, differs = read_notes()
    return [
        *sorted(f"{full_name(*one)}: tinycnn has not, and no note says why" for one in here if not has(*one) and not _note(absent, *one)),
        *sorted(f"{full_name(*one)}: noted as absent, and tinycnn has it" for one in here if has(*one) and _note(absent, *one)),
        *sorted(f"{full_name(*one)}: noted as different, and tinycnn has not" for one in here if not has(*one) and _note(differs, *one)),
        *(f"{full}: a note on a name that Keras has not" for full in sorted({*absent, *differs} - {full_name(*one) for one in here})),
    ]


def page() -> str:
    """The text of docs/keras.md."""
    known = read_names()
    absent, differs = read_notes()
    total: dict[str, int] = {"same": 0, "differs": 0, "absent": 0, "": 0}
    sections, summary = [], []
    for module, names in known["names"].items():
        rows, count = [], dict.fromkeys(total, 0)
        for name, found in names.items():
            status, details = verdict(module, name, found, absent, differs)
            count[status] += 1
            total[status] += 1
            rows.append(f"| `{name}` | {status} | {_cell(details)} |")
        title = module or "keras"
        summary.append(f"| [`{title}`](#{title.replace('.', '')}) | {count['same']} | {count['differs']} | {count['absent']} |")
        sections.append("\n".join([f"## {title}", "", "| name | | |", "|---|---|---|", *rows, ""]))
    head = _HEAD.format(version=known["version"])
    counts = "\n".join([*summary, f"| all | {total['same']} | {total['differs']} | {total['absent']} |"])
    return f"{head}\n| module | same | differs | absent |\n|---|--:|--:|--:|\n{counts}\n\n" + "\n".join(sections)


def _cell(text: str) -> str:
    return re.sub(r"\|", r"\\|", text)


_HEAD = """# Name by name beside Keras

Every public name of Keras {version}: of its top level and, module by module, of all modules that tinycnn has; a module that is left out
whole is a row of the one it would be in. *same*: the name is there, its arguments and their defaults are Keras's, and so is what it
computes. *differs*: what a program written for Keras could stumble over. *absent*: why it is left out. Arguments that only tinycnn takes
change no verdict. A name that Keras has at several paths stands, and is counted, at each.

`docs/tools/keras_table.py` makes this page by reflection over both packages and from the notes beside it; a test fails when it is stale.

Everywhere:

- Tensors are on the CPU and eager, float32 or float64. A dtype policy is a dtype: a layer's `compute_dtype` and `variable_dtype` are its
  `dtype`, and it has no `dtype_policy`.
- Masks belong to sequences: layers and losses take no `mask`, and what a layer would do with one is left out.
- Random numbers are Philox's: the same seed gives other numbers than in Keras, and the same ones for any number of threads.
- The state of metrics is float64, so a long epoch's mean keeps its digits.
- A layer that is called on its own, without `training=`, does as in inference: it does not augment and drops nothing.
- With several outputs, the list that `evaluate` returns is the loss, then the losses and then the metrics in the order of the model's
  outputs (of a dict: of its sorted names), as `metrics_names` says; in Keras they come in the order of the dicts given to `compile`.
- `save(include_optimizer=False)` leaves the optimizer's state out of `.keras` files, too; Keras 3.15.1 does so in `.h5` files only.
- Bad input raises an error from `tinycnn.errors`, which is also a `ValueError`, `TypeError` or `RuntimeError`.
"""


if __name__ == "__main__":
    if "--update" in sys.argv[1:]:
        NAMES.write_text(names_of_keras(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    print("\n".join(problems()))
    sys.exit(bool(problems()))
