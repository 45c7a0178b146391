"""Programs in processes of their own, forked from one that has the large libraries loaded.

None of this project's modules is loaded there, so a program may change a table before it is read,
and no seconds go by until a new interpreter has loaded torch, Dask and Zarr.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER = """
import atexit, json, os, sys, traceback
import cv2, dask, distributed, numpy, pydantic, scipy.ndimage, torch, typer, yaml, zarr

os.fsync = lambda descriptor: None  # as in `tests/conftest.py`

def ended(job):
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(job["said"][number - 1], os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["-c", *job["arguments"]]
    try:
        exec(compile(job["program"], "<program>", "exec"), {"__name__": "__main__"})
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

for line in sys.stdin:
    child = os.fork()
    if not child:
        code = ended(json.loads(line))
        atexit._run_exitfuncs()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@cache
def _server() -> "subprocess.Popen[str]":
    started = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(started.terminate)
    return started


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DEGRADE_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def run(
    program: str, *arguments: str, cwd: Path, env: Mapping[str, str] = {}
) -> "subprocess.CompletedProcess[str]":
    """Run a program in a folder and return its exit status (-N: ended by signal N) and words."""
    server = _server()
    assert server.stdin and server.stdout
    with tempfile.TemporaryDirectory() as place:
        said = [str(Path(place, name)) for name in ("out", "err")]
        job = {"cwd": str(cwd), "env": _environment(env), "said": said, "program": program}
        server.stdin.write(json.dumps({**job, "arguments": arguments}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = (Path(path).read_text(encoding="utf-8") for path in said)
    return subprocess.CompletedProcess([*arguments], code, out, err)


COMMANDS = """
import contextlib, io, json, sys
from degrade.cli.main import run
answers = []
for words in json.loads(sys.argv[1]):
    sys.argv, code = ["degrade", *words], 0
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    answers.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""


def commands(
    before: str, lines: Sequence[Sequence[object]], cwd: Path
) -> "list[subprocess.CompletedProcess[str]]":
    """Run a program and after it command lines, all in one process; return what each line said."""
    words = [list(map(str, line)) for line in lines]
    done = run(before + COMMANDS, json.dumps(words), cwd=cwd, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    return [
        subprocess.CompletedProcess(line, *said) for line, said in zip(words, answers, strict=True)
    ]
