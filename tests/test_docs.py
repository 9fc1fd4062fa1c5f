"""The documentation holds: its commands run, its code works, its studies parse, and nothing that exists goes unsaid.

What a page shows is done in order, in a folder with what ``spikeproof demo`` puts into ``spikeproof-demo/inputs``:

- ``console``: lines after ``$`` are run; the lines below a command are fragments of what it says, in order. ``...``
  stands for anything, and numbers may differ by what another machine's arithmetic makes of them.
- ``bash``: every line is run. The set-up lines of the README are not: ``test_project.py`` reads them, and the slow test
  runs what they install.
- ``python``: executed; a ``text`` block right below is what it prints. One that starts with ``# NAME.py`` is a file.
- ``toml``: parsed as a study; one that starts with ``# NAME.toml`` is a file, and ``# pyproject.toml`` no study.
- a block below ``<!-- slow -->`` waits for ``pytest -m slow``.
- a page with ``<!-- archive -->`` is read beside a local archive (``docs_archive.py``) that ``$DANDI_INSTANCE`` names.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from docs_archive import served
from docs_pages import DOCS, PAGES, ROOT, Block, anchors, blocks_of, commands_of, compare, headings, same
from docs_tables import markers, table_of
from spikeproof import hookspecs
from spikeproof._host import Host
from spikeproof._host.components import HOOKS
from spikeproof.cli import execute
from spikeproof.cli.app import make_app
from spikeproof.cli.everywhere import GlobalSettings
from spikeproof.study import parse_study
from typer.main import get_command

SETUP = "python3 -m venv"
OURS = {"environ": {"SPIKEPROOF_NO_PLUGINS": "1"}}


@pytest.fixture(scope="session")
def demo_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``spikeproof demo`` writes before it runs."""
    from spikeproof.demo.run import demo_study

    folder = tmp_path_factory.mktemp("demo") / "inputs"
    folder.mkdir()
    demo_study(folder)
    return folder


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Does what a page says, in a folder of its own."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    environ: dict[str, str]
    names: dict[str, object]

    def follow(self, page: Path, *, slow: bool) -> None:
        with served(page, self.folder) as variables:
            os.environ.update(variables)  # `environment_as_found` takes it back
            self.environ.update(variables)
            self._follow(page, slow=slow)

    def _follow(self, page: Path, *, slow: bool) -> None:
        printed, ran = "", False
        for block in blocks_of(page):
            if block.slow and not slow:
                ran = False
                continue
            if block.file is not None:
                (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                printed, ran = self.execute(block), True
                continue
            elif block.language in ("console", "bash"):
                for command, shown in commands_of(block):
                    if not command.startswith(SETUP):
                        self.run(command, shown, block.where)
            elif block.language == "text" and ran:
                compare(block.text.splitlines(), printed, block.where)
            ran = False

    def execute(self, block: Block) -> str:
        self.capsys.readouterr()
        code = compile("\n" * block.line + block.text, str(block.page), "exec", dont_inherit=True)
        exec(code, self.names)  # noqa: S102 - the documentation is ours
        return self.capsys.readouterr().out

    def run(self, command: str, shown: list[str], where: str) -> None:
        words = shlex.split(command, comments=True)
        if words[0] == "spikeproof" and not set("|&;<>$*") & set(command):
            self.capsys.readouterr()
            before = dict(os.environ)
            code = execute(words[1:])
            os.environ.clear()  # a command says by variables what holds for its process
            os.environ.update(before)
            captured = self.capsys.readouterr()
            out, err = captured.out, captured.err
        else:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.folder,
                env=self.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            code, out, err = done.returncode, done.stdout, done.stderr
        fails = any("spikeproof: error: " in line for line in shown)
        assert (code != 0) == fails, f"{where}: `{command}` exits with {code}:\n{out}\n{err}"
        compare(shown, err + out, where)


@pytest.fixture
def reader(
    tmp_path: Path, demo_inputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Reader:
    shutil.copytree(demo_inputs, tmp_path / "spikeproof-demo" / "inputs")
    site = tmp_path / "site"  # where `pip install` of a page puts what it installs
    site.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "SPIKEPROOF_PLUGINS", "SPIKEPROOF_STRICT"):
        monkeypatch.delenv(name, raising=False)
    environ = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(site),
        "PIP_TARGET": str(site),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it so: 0 switches isolation off
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return Reader(folder=tmp_path, capsys=capsys, environ=environ, names={"__name__": "docs"})


WITH_CODE = [page for page in PAGES if any(b.language in ("console", "bash", "python") for b in blocks_of(page))]


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_CODE, ids=page_id)
def test_what_a_page_says_to_do_works(page: Path, reader: Reader) -> None:
    reader.follow(page, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in WITH_CODE if any(b.slow for b in blocks_of(p))], ids=page_id)
def test_what_a_page_says_to_do_works_the_long_parts_too(page: Path, reader: Reader) -> None:
    reader.follow(page, slow=True)


@pytest.mark.slow
def test_the_demo_of_the_first_set_up_line_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "spikeproof", "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "spikeproof-demo" / "result" / "report.html").is_file()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_study_of_a_page_is_a_study(page: Path) -> None:
    for block in blocks_of(page):
        if block.language == "toml":
            mapping = tomllib.loads(block.text)
            if block.file != "pyproject.toml":
                parse_study(mapping, where=block.where)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page_id(page)}: {target} leads nowhere"
        if anchor:
            assert anchor in anchors(there), f"{page_id(page)}: {target}: no such heading"


def named_in_a_heading(name: str) -> list[str]:
    pattern = re.compile(rf"`{re.escape(name)}(:[^`]*)?`")
    return [page_id(page) for page in PAGES for heading in headings(page) if pattern.search(heading)]


@pytest.mark.parametrize("hook", sorted(name for name in vars(hookspecs) if name.startswith("spikeproof_")))
def test_every_hook_has_a_heading(hook: str) -> None:
    assert named_in_a_heading(hook) != []


@pytest.mark.parametrize("command", sorted(get_command(make_app([], GlobalSettings(traceback=False))).commands))
def test_every_command_has_a_heading(command: str) -> None:
    assert named_in_a_heading(f"spikeproof {command}") != []


COMPONENTS = [(kind, item.entry.name) for kind in HOOKS for item in Host.discover(**OURS).entries(kind)]


@pytest.mark.parametrize(("kind", "name"), [*COMPONENTS, ("attack", "other-unit")])
def test_every_built_in_component_has_a_heading(kind: str, name: str) -> None:  # noqa: ARG001 - it stands in the test's name
    assert len(named_in_a_heading(name)) == 1


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_every_built_in_component_has_the_table_of_its_parameters(kind: str, name: str) -> None:
    wanted = table_of(kind, name)
    found = [text for page in PAGES for marked, text in markers(page) if marked == (kind, name)]
    assert found == ([wanted] if wanted else []), "run: python tests/docs_tables.py"


STUDY_KEYS = (
    "schema", "description", "seed", "join", "requires", "plugins", "source", "model", "readout", "objective", "threat",
    "attack", "metric", "statistics", "use", "name", "layers", "units", "population", "norm", "epsilons", "aims",
    "stimuli", "controls", "draws", "engine", "precision", "compile", "accelerate", "longer_items",
)  # fmt: skip


@pytest.mark.parametrize("key", STUDY_KEYS)
def test_every_key_of_a_study_is_explained(key: str) -> None:
    text = (DOCS / "users" / "study.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `\[*{key}\]*` \|", text, flags=re.MULTILINE)


def test_the_keys_of_a_study_are_all_that_it_has() -> None:
    """Written out with defaults, a study of every table has no key that the documentation leaves out."""
    everything = {
        "description": "text",
        "requires": ["spikeproof"],
        "plugins": ["mine.py"],
        "source": ["simulate:sparse"],
        "model": [{"use": "torch:nets.py:build", "layers": ["1"], "name": "net"}],
        "readout": "logistic",
        "objective": ["unit"],
        "threat": {"epsilons": [1.0]},
        "attack": ["pgd"],
        "metric": ["sparseness"],
    }
    written = parse_study(everything).to_mapping()
    found = set(written)
    for value in written.values():
        for table in value if isinstance(value, list) else [value]:
            found |= set(table) if isinstance(table, dict) else set()
    assert found == set(STUDY_KEYS)


PUBLIC = (
    "",
    ".plugin",
    ".types",
    ".errors",
    ".progress",
    ".geometry",
    ".lazy",
    ".statistics",
    ".pictures",
    ".testing",
    "_metrics_unit",
    "_metrics_population",
    "_metrics_behavior",
    "_encoders",
    "_simulate",
)


@pytest.mark.parametrize("module", [f"spikeproof{part}" for part in PUBLIC])
def test_every_public_name_is_in_the_reference(module: str) -> None:
    public = importlib.import_module(module)
    names = getattr(public, "__all__", [name for name, value in vars(public).items() if isinstance(value, type)])
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert [name for name in names if not re.search(rf"`{name}[`(]", text)] == []


def test_the_reader_of_pages_can_fail(tmp_path: Path) -> None:
    assert same("moves it by 1.55 [1.43, 1.7] ...", "  moves it by 1.56 [1.43,  1.71] sd.")
    assert not same("moves it by 1.55", "moves it by 1.75")
    assert not same("moves it by 1.55", "moves it by 1.55 and more")
    with pytest.raises(AssertionError, match="is not said"):
        compare(["b", "a"], "a\nb\n", "here")
    page = tmp_path / "page.md"
    page.write_text("```console\n$ one \\\n    two\nsaid\n$ three\n```\n<!-- slow -->\n```bash\nfour\n```\n")
    first, second = blocks_of(page)
    assert list(commands_of(first)) == [("one two", ["said"]), ("three", [])]
    assert (list(commands_of(second)), second.slow) == ([("four", [])], True)
