"""Template and style of the report page: kept apart so that `report` reads as what it is, a program."""

STYLE = """
:root { color-scheme: light dark; --text: #1c1f23; --soft: #5c6570; --line: #d9dee4; --back: #ffffff; --card: #f6f7f9;
  --link: #0b5fa5; --yes: #00674c; --no: #a33c00; --best: #e3f1ea; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8ea; --soft: #a0a8b2; --line: #373d45; --back: #15181c;
  --card: #1e2227; --link: #79b8f3; --yes: #5fd3ab; --no: #ffa06b; --best: #1d3a30; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; color: var(--text); background: var(--back); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
a { color: var(--link); }
.layout { max-width: 1220px; margin: 0 auto; padding: 0 1rem 3rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 1.6rem 0 .3rem; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .6rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; }
.soft { color: var(--soft); }
nav ol { list-style: none; margin: 0; padding: 0; display: flex; flex-direction: column; gap: .3rem; }
nav a { text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
section { border-top: 1px solid var(--line); padding: 1.8rem 0 .6rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .9rem; margin: 0 0 1rem; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; margin: .2rem 0 .6rem; }
th, td { text-align: left; vertical-align: top; padding: .32rem .55rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
table.numeric td:first-child, table.numeric th:first-child { position: sticky; left: 0; background: var(--back); }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.best { font-weight: 700; background: var(--best); }
td.yes, td.no { font-weight: 600; white-space: nowrap; } td.yes { color: var(--yes); } td.no { color: var(--no); }
td.open { color: var(--soft); }
figure { margin: 1rem 0 1.4rem; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 6px; padding: 4px; }
figcaption { font-size: .85rem; color: var(--soft); margin-top: .3rem; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--link); }
code { font: .85em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.problems { border: 1px solid var(--no); border-radius: 6px; padding: .6rem 1rem; margin: 1rem 0; }
.problems ul { margin: .3rem 0; padding-left: 1.2rem; }
footer { border-top: 1px solid var(--line); padding-top: 1rem; font-size: .85rem; color: var(--soft); }
@media (min-width: 1000px) {
  .layout { display: grid; grid-template-columns: 14rem minmax(0, 1fr); column-gap: 2.5rem; }
  header, footer { grid-column: 1 / -1; }
  nav { position: sticky; top: 1rem; align-self: start; font-size: .92rem; padding-top: 1.8rem; }
}
@media (max-width: 480px) { dl { grid-template-columns: 5.6rem 1fr; } h1 { font-size: 1.5rem; } }
@media print { nav { display: none; } details > * { display: block; } }
"""

PAGE = (
    """{% macro draw(table) %}
<div class="scroll" tabindex="0"><table{% if table.numeric %} class="numeric"{% endif %}>
<thead><tr>{% for column in table.columns %}<th scope="col">{{ column }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>{% for text, kind in row %}<td{% if kind %} class="{{ kind }}"{% endif %}>{{ text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% if table.more %}<p class="soft">and {{ table.more }} more rows in the file</p>{% endif %}
{% endmacro %}
{% macro pictures(section) %}
{% for picture in section.shown %}
<figure><img src="{{ picture.address }}" alt="{{ picture.alt }}" width="{{ picture.width }}" height="{{ picture.height }}">
<figcaption><a href="{{ picture.file }}">{{ picture.caption }}</a>: {{ picture.alt }}</figcaption></figure>
{% endfor %}
{% if section.figures | length > section.shown | length %}
<p class="soft">{{ section.figures | length - section.shown | length }} further figures lie in the run folder.</p>
{% endif %}
{% endmacro %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Monocular depth estimation, one notebook per method: report</title>
<style>"""
    + STYLE
    + """</style>
</head>
<body>
<div class="layout">
<header>
<h1>Monocular depth estimation, one notebook per method</h1>
<p class="soft">{{ total }} finished run{{ "" if total == 1 else "s" }} of {{ sections | length }}
notebook{{ "" if sections | length == 1 else "s" }}. Every number on this page is read from a run folder beside it.</p>
{% if problems %}
<div class="problems"><strong>Left out because it cannot be read</strong>
<ul>{% for problem in problems %}<li>{{ problem }}</li>{% endfor %}</ul></div>
{% endif %}
</header>
<nav aria-label="Contents"><ol>
{% for section in sections %}<li><a href="#{{ section.name }}">{{ section.title }}</a></li>
{% endfor %}</ol></nav>
<main>
{% if not sections %}<section><p>No finished run yet. <code>make report</code> makes them all.</p></section>{% endif %}
{% for section in sections %}
<section id="{{ section.name }}">
<h2>{{ section.title }}</h2>
{% for table in section.tables %}<h3>{{ table.title }}</h3>{{ draw(table) }}{% endfor %}
<dl>{% for label, text in section.facts %}<dt>{{ label }}</dt><dd>{{ text }}</dd>{% endfor %}</dl>
{% if section.scores %}<h3>{{ section.scores.title }}</h3>{{ draw(section.scores) }}{% endif %}
{% if section.verdict %}<p>{{ section.verdict }}</p>{% endif %}
{% if section.published %}<h3>{{ section.published.title }}</h3>{{ draw(section.published) }}{% endif %}
{% if section.claims %}<h3>{{ section.claims.title }}</h3>{{ draw(section.claims) }}{% endif %}
{{ pictures(section) }}
{% for table in section.folded %}
<details><summary>{{ table.title }}</summary>{{ draw(table) }}</details>
{% endfor %}
{% if section.others %}<details><summary>{{ section.others.title }}</summary>{{ draw(section.others) }}</details>{% endif %}
{% if section.run.get("command") %}<details><summary>Make this run again</summary>
<p><code>{{ section.run["command"] }}</code></p></details>{% endif %}
</section>
{% endfor %}
</main>
<footer>depthnb {{ version }}</footer>
</div>
</body>
</html>
"""
)
