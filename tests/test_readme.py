"""The README is run: its Python as it stands, its configs and folders looked up."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippets_run(snippet):
    exec(compile(snippet, "README.md", "exec"), {})


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`?((?:conf|export|benchmarks|src)/[\w./]+\.(?:py|yaml))", README))
    assert named
    for name in named:
        assert (ROOT / name).is_file(), name


def test_every_config_stands_in_the_table():
    for path in (ROOT / "conf").rglob("*.yaml"):
        assert f"`{path.relative_to(ROOT)}`" in README
