"""The report as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
import markupsafe

from . import report_pictures as pictures
from .metrics import METRICS
from .metrics.base import Result, number
from .metrics.grading import GRADES

if TYPE_CHECKING:
    from .report import Report

MAX_COLUMNS = 12


def render(report: Report) -> str:
    """Return the page."""
    case = report.case
    by_name = {result.name: result for result in report.results}
    measured = (
        {row["column"]: row for row in by_name["marginals"].detail.get("columns", ())} if "marginals" in by_name else {}
    )
    shown = list(case.columns)
    if len(shown) > MAX_COLUMNS:
        if measured:
            shown.sort(key=lambda column: measured[column.name]["real_against_real"] - measured[column.name]["value"])
        shown = shown[:MAX_COLUMNS]

    def distance(name: str) -> str:
        row = measured.get(name)
        return "" if row is None else f"Distance {row['value']:.3f} (real against real {row['real_against_real']:.3f})."

    moving = [column for column in shown if not column.static]
    sections = [
        ("Paths", _PATHS, [pictures.paths(case, column) for column in moving]),
        ("Single columns", _SINGLE, [pictures.marginal(case, column, distance(column.name)) for column in shown]),
        ("Memory of the past", _MEMORY, [pictures.memory(case, column) for column in moving]),
        ("Columns together", _TOGETHER, pictures.correlations(case) if case.channels > 1 else []),
        ("Maps of windows", _MAPS, pictures.maps(case)),
    ]
    page = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(_PAGE)
    return page.render(
        report=report,
        case=case,
        cards=[(METRICS[result.name], result, _place(result)) for result in report.results],
        sections=[part for part in sections if part[2]],
        left_out=len(case.columns) - len(shown),
        by_distance=bool(measured),
        lower=all(result.better == "lower" for result in report.results),
        words=GRADES,
        number=number,
        svg=markupsafe.Markup,
        colours=(pictures.REAL, pictures.SYNTHETIC),
        version=report.to_dict()["tsgan"] or "",
    )


def _place(result: Result) -> Any:
    """Percent of the way from real against real to useless; None where a value has no such place."""
    if result.value is None or result.real_against_real is None or result.worst is None:
        return None
    scale = result.worst - result.real_against_real
    return None if scale == 0 else round(min(max((result.value - result.real_against_real) / scale, 0), 1) * 100, 1)


_PATHS = "A few stretches of each side, drawn at random, on the same axes. Look for level, roughness, jumps and rhythm."
_SINGLE = (
    "How often each value occurs, whatever the order in time. The two should cover each other; what lies "
    "beyond the axis is counted in its outermost bars."
)
_MEMORY = "How strongly a column's value is tied to its value some steps before. The two curves should lie together."
_TOGETHER = "How the columns move together: red together, blue against each other. The third picture should be pale."
_MAPS = (
    "Each dot is one window. Where the real and the synthetic dots mix, windows resemble each other; a region of one "
    "colour is something that only one side does."
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Synthetic against real: the judge's report</title>
<style>
:root { --ink: #1d2430; --soft: #5c6675; --paper: #ffffff; --card: #f5f7fa; --line: #d9dee6;
  --faithful: #1c7d4d; --close: #4d7a1d; --visible: #a65f00; --far: #b3261e; --none: #5c6675; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --soft: #a3adbb; --paper: #14181f; --card: #1d232c; --line: #343c48;
    --faithful: #58c48d; --close: #9ac45a; --visible: #f0a848; --far: #ff8a80; --none: #a3adbb; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 68rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .4rem 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .3rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .3rem 0 .7rem; }
.soft { color: var(--soft); font-size: .88rem; }
.summary { font-size: 1.1rem; background: var(--card); border-left: 4px solid var(--ink); padding: .8rem 1rem;
margin: 1rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: .8rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem;
break-inside: avoid; }
.card header { display: flex; justify-content: space-between; gap: .6rem; align-items: baseline; }
.grade { font-size: .78rem; font-weight: 600; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem;
  white-space: nowrap; color: var(--none); }
.faithful { color: var(--faithful); } .close { color: var(--close); } .visible { color: var(--visible); } .far {
color: var(--far); }
.bar { position: relative; height: .5rem; border-radius: .3rem; margin: .8rem 0 .2rem; background:
  linear-gradient(90deg, var(--faithful) 0 2%, var(--close) 2% 15%, var(--visible) 15% 50%, var(--far) 50%); opacity:
.9; }
.bar i { position: absolute; top: -.28rem; width: .4rem; height: 1.06rem; margin-left: -.2rem; background: var(--ink);
  border: 1px solid var(--paper); border-radius: .2rem; }
.ends { display: flex; justify-content: space-between; font-size: .78rem; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
}
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
th { vertical-align: bottom; line-height: 1.2; }
.key span { display: inline-block; width: .9rem; height: .7rem; border-radius: .15rem; margin: 0 .3rem 0 .8rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19.5rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: .85rem; color: var(--soft); text-align: center; overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: .9rem; } dd { margin: .1rem 0 0; }
a { color: inherit; overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; }
  .bar, .key span, .bar i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
</style>
</head>
<body>
<p class="soft">tsgan {{ version }} · the judge's report</p>
<h1>How close is the synthetic table to the real one?</h1>
<p class="summary">{{ report.summary }}</p>
<div class="cards">
{% for metric, result, place in cards %}
<section class="card">
<header><h3>{{ metric.title }}</h3>
<span class="grade {{ result.grade if result.value is not none else "" }}">{{ words[result.grade] }}</span></header>
<p class="soft">{{ metric.question }}</p>
<p>{{ result.verdict }}</p>
{% if place is not none %}
<div class="bar" role="img" aria-label="{{ number(result.value) }} on a scale from {{
number(result.real_against_real) }} (real
 against real) to {{ number(result.worst) }} (useless)"><i style="left: {{ place }}%"></i></div>
<div class="ends"><span>real against real {{ number(result.real_against_real) }}</span>
<span><b>{{ number(result.value) }}</b></span><span>useless {{ number(result.worst) }}</span></div>
{% endif %}
</section>
{% endfor %}
</div>

<h2>All figures</h2>
<p>{{ "Lower is better throughout. " if lower }}
<i>Spread</i> is the standard deviation over {{ report.repeats }} repeats, each with
new judges and draws.
<i>Real against real</i> is the score of one part of the real table against another: no synthetic table can be
expected to do
better. <i>Useless</i> is the score of independent uniform noise within each column's range.</p>
<div class="scroll"><table>
<thead><tr><th>score</th><th>verdict</th><th class="n">value</th><th class="n">spread</th>
<th class="n">real against real</th><th class="n">useless</th></tr></thead>
<tbody>
{% for metric, result, place in cards %}
<tr><td>{{ metric.title }}</td>
<td class="{{ result.grade if result.value is not none else "" }}">{{ words[result.grade] }}</td>
{% for figure in (result.value, result.spread, result.real_against_real, result.worst) %}
<td class="n">{{ number(figure) }}</td>
{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
<p class="soft">Judged: {{ case.real|length }} real windows of {{ case.window }} steps from {{ case.real.panel|length
}}
sequence{{ "" if case.real.panel|length == 1 else "s" }}, {{ case.synthetic|length }} synthetic ones from
{{ case.synthetic.panel|length }}; {{ case.columns|length }} column{{ "" if case.columns|length == 1 else "s" }};
seed {{ case.random_state }}.
{% for note in case.notes %}{{ note|capitalize }}. {% endfor %}</p>

{% for title, text, drawn in sections %}
<h2>{{ title }}</h2>
<p>{{ text }}
{% if left_out and loop.index <= 3 %}<span class="soft">Shown are {{ case.columns|length - left_out }} of {{
case.columns|length }} columns,
{{ "those furthest from the real data" if by_distance else "the first ones" }}.</span>{% endif %}</p>
{% if title != "Columns together" %}
<p class="soft key"><span style="background: {{ colours[0] }}"></span>real
<span style="background: {{ colours[1] }}"></span>synthetic</p>
{% endif %}
<div class="figures">
{% for picture in drawn %}
<figure role="img" aria-label="{{ picture.alt }}">{{ svg(picture.svg) }}<figcaption>{{ picture.caption
}}</figcaption></figure>
{% endfor %}
</div>
{% endfor %}

<h2>Definitions</h2>
<dl>
<dt>Grades</dt>
<dd><b>Faithful</b>: within two standard deviations of chance, and 2 % of the scale, of real against real.
<b>Close</b>: up to 15 % of the way from there to useless. <b>Visible difference</b>: up to half of it, or some column
by itself is far. <b>Far</b>: beyond. <b>Unclear</b>: within chance, but too far along the scale to be called
faithful; more real data would tell.</dd>
{% for metric, result, place in cards %}
<dt>{{ metric.title }} <span class="soft">({{ metric.name }})</span></dt>
<dd>{{ metric.definition }}
{% for reference in metric.references %}<br><a class="soft" href="{{ reference.url }}">{{ reference.text }}</a>{%
endfor %}</dd>
{% endfor %}
</dl>
</body>
</html>
"""
