"""Settings of Sphinx for the site. Its sources are gathered by gather.py; `make site` calls both."""

import re
from importlib.resources import files
from pathlib import Path

import depthnb

project = "depthnb"
author = "The depthnb authors"
copyright = "The depthnb authors; code MIT, text CC BY 4.0, rendered data CC0"
release = version = depthnb.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
root_doc = "index"
templates_path: list[str] = []
exclude_patterns = ["extra"]

# Notebooks are shown as they are kept, nothing is run. Headings get anchors, so that links into a page are checked.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # widgets need a kernel, and their script would come from another host
nb_mime_priority_overrides = [("html", "text/html", 0)]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 4

# Docstrings: Google's sections and our own, single backticks are code.
default_role = "code"
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_custom_sections = [("Source", "notes_style")]
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
suppress_warnings = ["ref.python"]  # of two things with one name either will do

# Everything that a page asks for lies beside it: no other host is asked.
MATHJAX, PLOTLY = files("mathjax") / "static/mathjax/es5/tex-svg.js", files("plotly") / "package_data/plotly.min.js"
mathjax_path = "tex-svg.js"
html_static_path = ["site.css", "clouds.js", str(MATHJAX), str(PLOTLY)]
html_css_files = ["site.css"]
html_theme = "furo"
html_title = "depthnb"
html_favicon = "icon.svg"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False


def setup(app) -> None:
    """Sphinx calls this: docstrings are prose with code in backticks, not reStructuredText; the report is copied as it is."""
    app.connect("config-inited", _add_report)
    app.connect("autodoc-process-docstring", _escape, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", lambda app, what, name, item, skip, options: skip or _foreign(item))


def _add_report(app, config) -> None:
    folder = Path(app.srcdir) / "extra"
    config.html_extra_path = [str(folder)] if folder.exists() else []


def _escape(app, what, name, item, options, lines: list[str]) -> None:
    """Take the meaning of reStructuredText from signs outside of backticks and of examples."""
    example = False
    for k, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = line.split("`")
            parts[::2] = [re.sub(r"(\||(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
            lines[k] = "`".join(parts)


def _foreign(item) -> bool:
    """Whether another library made this member."""
    return not (getattr(item, "__module__", None) or "depthnb").startswith("depthnb")
