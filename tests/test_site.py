"""The site's sources, and the files that let others open the notebooks: every address inside the repository leads somewhere."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXPLAINED = (ast.Module, ast.ClassDef, ast.FunctionDef)
ELSEWHERE = re.compile(
    r"https://(?:colab\.research\.google\.com/github/(?P<colab>[\w.-]+/[\w.-]+)/blob/main/(?P<a>[^\s)\"]+)"
    r"|mybinder\.org/v2/gh/(?P<binder>[\w.-]+/[\w.-]+)/main\?urlpath=lab/tree/(?P<b>[^\s)\"]+)"
    r"|github\.com/(?P<hub>[\w.-]+/depthnb)/blob/main/(?P<c>[^\s)\"]+))"
)


@pytest.fixture(scope="module")
def gather():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        import gather

        yield gather


@pytest.fixture(scope="module")
def sources(gather, tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    (out / "left_over.md").touch()
    run = tmp_path_factory.mktemp("reports") / "04_unet" / "mine"
    (run / "weights").mkdir(parents=True)
    (run / "weights" / "model.safetensors").touch()
    (run / "run.json").write_text(json.dumps({"run": "mine", "seed": 77, "finished": True}))
    gather.gather(out, run.parents[1])
    return out


def elsewhere(text: str) -> set[tuple[str, str]]:
    """(repository, path in it) of every link that opens a file of ours on another host."""
    found = (match.groupdict() for match in ELSEWHERE.finditer(text))
    return {
        (each["colab"] or each["binder"] or each["hub"], unquote(each["a"] or each["b"] or each["c"])) for each in found
    }


def test_gathered_are_all_pages_and_notebooks_and_what_they_link_to(gather, sources):
    assert not (sources / "left_over.md").exists()
    for page in ("index.md", "README.md", "CONTRIBUTING.md", "data/README.md", "command.md", "api/index.rst"):
        assert (sources / page).is_file(), page
    assert sorted(path.name for path in (sources / "notebooks").iterdir()) == NOTEBOOKS
    for page in sources.rglob("*.md"):
        name = str(page.relative_to(sources))
        for target in gather.local_targets(name, page.read_text("utf-8")):
            assert (sources / target).is_file(), f"{name} links to {target}"
    front = (sources / "index.md").read_text("utf-8")
    assert all(f"(notebooks/{name})" in front for name in NOTEBOOKS) and "GALLERY" not in front


def test_the_report_stands_there_with_the_files_that_it_links_to_and_no_weights(sources):
    page = (sources / "extra" / "report" / "index.html").read_text("utf-8")
    assert "1 finished run of" in page and 'href="./04_unet/mine/run.json"' in page
    kept = {path.relative_to(sources / "extra" / "report").as_posix() for path in (sources / "extra").rglob("*.*")}
    assert kept == {"index.html", "full_report.html", "04_unet/mine/run.json"}
    readme = (sources / "README.md").read_text("utf-8")
    assert '<a href="report/full_report.html">finished report</a>' in readme and "(reports/full_report" not in readme
    assert 'href="report/index.html"' in (sources / "index.md").read_text("utf-8")


def test_a_link_that_leads_nowhere_is_named(gather, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data/README\.md links to no/such\.md"):
        gather._keep(tmp_path, "data/README.md", "[a](../no/such.md)")
    pages = "[a](../LICENSE), [b](https://x.org), [c](#here), [d](../a%20b.md#part)"
    assert gather.local_targets("data/README.md", pages) == ["LICENSE", "a b.md"]


def test_shown_notebooks_ask_no_other_host_and_keep_their_figures(sources):
    clouds = 0
    for name in NOTEBOOKS:
        kept, shown = (json.loads((at / "notebooks" / name).read_text("utf-8")) for at in (ROOT, sources))
        assert "widgets" not in shown["metadata"]
        outputs = [[output for cell in book["cells"] for output in cell.get("outputs", [])] for book in (kept, shown)]
        assert len(outputs[0]) == len(outputs[1])
        for before, after in zip(*outputs, strict=True):
            data = after.get("data", {})
            assert not any(kind.startswith("application/vnd") for kind in data)
            text = "".join(data.get("text/html", ""))
            assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
            if "application/vnd.plotly.v1+json" in before.get("data", {}):
                figure = re.search(r'<script type="application/json">(.+?)</script>', text)
                assert json.loads(figure[1]) == before["data"]["application/vnd.plotly.v1+json"]
                clouds += 1
    assert clouds >= 3


def test_every_public_name_of_the_package_is_explained_once(sources):
    import modules

    pages = modules.pages(ROOT / "depthnb")
    assert {path.stem for path in (sources / "api").iterdir()} == set(pages)
    told = re.findall(r"automodule:: (\S+)", "".join(pages.values()))
    assert len(told) == len(set(told)) and {"depthnb.metrics", "depthnb.data.readers.folder"} <= set(told)
    metrics = pages["depthnb.metrics"]
    assert "depthnb.metrics.ssim" in metrics  # has more than the package lists
    assert "depthnb.metrics.measures" not in told  # the package lists all of it
    assert not any("cli" in name for name in told)


def test_no_docstring_indents_a_line_within_a_paragraph():
    """Sphinx refuses it, and the test below does not read the reference: a list wants one of Google's sections."""
    for path in (ROOT / "depthnb").rglob("*.py"):
        nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, EXPLAINED)]
        for text in filter(None, map(ast.get_docstring, nodes)):
            prose = re.sub(r"(?m)^ *>>>(.+\n?)+", "", text)
            assert not re.search(r"(?m)^(?!- |\d\. |[A-Z][a-z]+:$)\S.*\n +\S", prose), f"{path}: {text}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_that_open_a_notebook_elsewhere(gather, name):
    links = gather.badges(name, "somebody/fork")
    assert elsewhere(links) == {("somebody/fork", f"notebooks/{name}")} and links.count("https://") == 3
    assert (ROOT / "notebooks" / name).is_file()
    assert gather.badges(name, "") == ""


def test_the_address_of_the_repository_has_one_place(gather, monkeypatch):
    """Without an owner there are no links, not links that lead nowhere; a workflow on GitHub knows its own."""
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    name = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    assert gather.repository() == ("" if name.startswith("OWNER/") else name)
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/fork")
    assert gather.repository() == "somebody/fork"
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "data/README.md",
        "docs/index.md",
        *(f"notebooks/{n}" for n in NOTEBOOKS),
    ):
        for repository, path in elsewhere((ROOT / page).read_text("utf-8")):
            assert repository == name, f"{page} names {repository}, pyproject.toml {name}"
            assert (ROOT / path).exists(), f"{page} links to {path}"


def test_what_colab_adds_is_ours_and_never_torch():
    lines = (ROOT / "requirements-colab.txt").read_text("utf-8").splitlines()
    added = {Requirement(line).name: line for line in lines if line and not line.startswith("#")}
    ours = {Requirement(line).name: line.partition(";")[0].strip() for line in PROJECT["dependencies"]}
    assert added and added.items() <= ours.items()
    assert not added.keys() & {"torch", "torchvision", "numpy", "pandas"}


def test_containers_and_workflows_call_what_is_there():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    called = [container["postCreateCommand"]]
    for name in ("test", "site"):
        workflow = yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf-8"))
        called += [step["run"] for step in workflow["jobs"][name]["steps"] if "run" in step]
    assert called == ["make setup", "make test", "make report", "make site"]
    assert {word.split()[1] for word in called} <= targets
    assert (ROOT / ".binder" / "runtime.txt").read_text().startswith("python-3.")
    assert "-e ." in (ROOT / ".binder" / "requirements.txt").read_text().splitlines()


@pytest.mark.slow
def test_sphinx_finds_nothing_to_complain_about(gather, tmp_path):
    """Pages without the notebooks and the reference: what their links and anchors lead to."""
    for module in ("sphinx", "myst_nb", "furo", "mathjax"):
        pytest.importorskip(module, reason="needs the extra site: make site installs it")
    (tmp_path / "source").mkdir()
    for page in ("README.md", "data/README.md"):
        gather._keep(tmp_path / "source", page, (ROOT / page).read_text("utf-8"))
    for name in NOTEBOOKS:
        text = json.loads((ROOT / "notebooks" / name).read_text("utf-8"))
        (tmp_path / "source" / "notebooks").mkdir(exist_ok=True)
        text["cells"] = text["cells"][:1]
        (tmp_path / "source" / "notebooks" / name).write_text(json.dumps(text))
    index = "# site\n\n```{toctree}\n:glob:\nREADME\ndata/README\nnotebooks/*\n```\n"
    (tmp_path / "source" / "index.md").write_text(index)
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(ROOT / "docs")]
    places = [str(tmp_path / "source"), str(tmp_path / "site")]
    done = subprocess.run([*words, *places], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "source" / "README.md").write_text("# x\n\n[nowhere](#no-such-heading)\n")
    done = subprocess.run([*words, *places], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "no-such-heading" in done.stderr
