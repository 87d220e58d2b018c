"""How the site is built: `make docs`. Nothing is fetched, and every warning is an error."""

import os
import sys
from pathlib import Path

import tsgan

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["OMP_NUM_THREADS"] = "1"  # threads that wait for one another on a busy machine take minutes

project, author, release = "tsgan", "the tsgan developers", tsgan.__version__
copyright = "the tsgan developers, Apache-2.0"
extensions = [
    "gallery",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "conf.py", "gallery.py", "screenshots.py", "gallery/files"]
templates_path = ["_templates"]

# pages in Markdown; the notebooks are scripts in cells, run while building
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

# the reference, from docstrings; types stand in them, so that signatures stay short
default_role = "literal"  # `code` in docstrings, as in Markdown
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = True
autodoc_mock_imports = ["mlflow", "pyspark"]  # no part of `dev`; one that is there beside a mock of the other fails
napoleon_numpy_docstring, napoleon_google_docstring = True, False
napoleon_use_rtype = False
suppress_warnings = ["ref.python"]  # types are words, "text" among them, which are no names

html_theme = "pydata_sphinx_theme"
html_title = "tsgan"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_prev_next": True,
    "navbar_end": ["theme-switcher"],
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
_alone = ("index", "notebooks/*", "nightly", "how-it-works", "privacy", "choosing", "changelog")
html_sidebars = {page: [] for page in _alone}  # nothing lies below them
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# pages are looked through for dead links by the builder linkcheck; what lies outside is not asked
linkcheck_ignore = [r"https?://"]
