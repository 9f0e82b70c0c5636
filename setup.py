"""Builds the C kernels: csrc/variant.c once per instruction set and real type, then the Cython binding around them.

Everything else about the package is in pyproject.toml. TINYCNN_BUILD=require makes a failed build of the C kernels an error (otherwise
the install goes on without them); TINYCNN_BUILD=skip does not try. CFLAGS of the environment come last and so win.
"""

import os
import shlex
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

# Instruction-set levels per processor, best first; the last one runs on every such processor. csrc/cpu.c tests for what the flags allow.
X86_V3 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2"]
X86_V4 = [*X86_V3, "-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
X86 = {"x86_v4": X86_V4, "x86_v3": X86_V3, "baseline": []}
LEVELS = {"x86_64": X86, "amd64": X86, "aarch64": {"neon": []}, "arm64": {"neon": []}}
REALS = {"f32": [], "f64": [("TC_DOUBLE", "1")]}

# No -ffast-math: NaN and the order of sums are promised. The two that are given change nothing a kernel can see, and let loops vectorise.
FLAGS = ["-std=gnu11", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden", "-pthread"]
USER_FLAGS = shlex.split(os.environ.get("CFLAGS", ""))
BUILD = os.environ.get("TINYCNN_BUILD", "")
if BUILD not in ("", "require", "skip"):
    raise SystemExit(f"TINYCNN_BUILD must be 'require' or 'skip' where it is set, got {BUILD!r}")

LIMITED_API = not sysconfig.get_config_var("Py_GIL_DISABLED")  # one wheel for all Pythons; free-threaded ones have no limited API
LIMITED_API_MACROS = [("Py_LIMITED_API", "0x030B0000"), ("CYTHON_LIMITED_API", "1")]


class BuildKernels(build_ext):
    """Compiles the variants of the kernels before the extension that they are linked into."""

    def build_extension(self, ext: Extension) -> None:
        path = self.get_ext_fullpath(ext.name)
        if not (self.force or newer_group([*ext.sources, *ext.depends], path)):
            return
        levels = self.levels()
        ext.define_macros.append(("TC_LEVELS", " ".join(f"LEVEL({isa})" for isa in levels)))
        variants = [(isa, flags, suffix) for isa, flags in levels.items() for suffix in REALS]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # each one is a run of the compiler
            ext.extra_objects = [obj for objects in pool.map(self.compile_variant, variants) for obj in objects]
        self.force = True  # the check above stands for the one that follows, which may not see objects
        super().build_extension(ext)

    def levels(self) -> dict[str, list[str]]:
        """The levels of the processor that is built for, which cross builds and macOS's universal ones name in `plat_name`."""
        return next((levels for machine, levels in LEVELS.items() if self.plat_name.endswith(machine)), {"baseline": []})

    def compile_variant(self, variant: tuple[str, list[str], str]) -> list[str]:
        isa, flags, suffix = variant
        return self.compiler.compile(
            ["csrc/variant.c"],
            output_dir=str(Path(self.build_temp, f"{isa}_{suffix}")),
            macros=[("TC_ISA", isa), *REALS[suffix]],
            include_dirs=["csrc", "csrc/simd"],
            extra_postargs=[*FLAGS, *flags, *USER_FLAGS],
        )


headers = sorted(str(path) for path in Path("csrc").rglob("*") if path.suffix in (".h", ".def"))
native = Extension(
    "tinycnn.kernels._native",
    sources=["tinycnn/kernels/_native.pyx", "csrc/alloc.c", "csrc/cpu.c", "csrc/dispatch.c", "csrc/threads.c"],
    depends=["tinycnn/kernels/_native.pxd", "csrc/variant.c", *headers],
    include_dirs=["csrc"],
    define_macros=LIMITED_API_MACROS if LIMITED_API else [],
    extra_compile_args=[*FLAGS, *USER_FLAGS],
    extra_link_args=["-pthread"],
    py_limited_api=LIMITED_API,
    optional=BUILD != "require",
)

setup(
    ext_modules=[] if BUILD == "skip" else [native],
    cmdclass={"build_ext": BuildKernels},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED_API else {},
)
