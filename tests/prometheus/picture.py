"""Draws series of the dashboard as Prometheus answered them: an SVG for light and dark pages."""

import html
import math

# What the picture and each chart take, in pixels, and what is kept free around a chart's lines.
WIDTH, COLUMNS, HEIGHT = 860, 2, 236
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 68, 24
# More than that between two values, in seconds, is a gap.
GAP = 1.2
LINES = 6

STYLE = """
.page { fill: #ffffff; stroke: #d1d9e0; }
text { fill: #1f2328; }
.small { font-size: 11px; fill: #59636e; }
.name { font-weight: 600; }
.right { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.part { fill: #818b98; fill-opacity: 0.14; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
.c0 { stroke: #0969da; } .c1 { stroke: #bc4c00; } .c2 { stroke: #1a7f37; } .c3 { stroke: #8250df; } .c4 { stroke: #bf3989; } .c5 { stroke: #59636e; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117; stroke: #3d444d; }
  text { fill: #e6edf3; }
  .small { fill: #9198a1; }
  .grid { stroke: #3d444d; }
  .c0 { stroke: #58a6ff; } .c1 { stroke: #f0883e; } .c2 { stroke: #3fb950; } .c3 { stroke: #bc8cff; } .c4 { stroke: #f778ba; } .c5 { stroke: #9198a1; }
}
"""

TITLE = "What the dashboard shows of the order service: records by outcome, lag in time, duration of calls, failed attempts."


class Lines:
    """The lines of a chart: those that are not 0 all the time."""

    def __init__(self, answers, start):
        series = [(query.named(labels), points) for query, answer in answers for labels, points in answer]
        finite = [(name, [(at, value) for at, value in points if math.isfinite(value) and at >= start]) for name, points in series]
        self.series = sorted((of for of in finite if any(value for _, value in of[1])), key=lambda of: of[0])[:LINES]
        self.most = max((value for _, points in self.series for _, value in points), default=1)


def scale(most):
    """The distance of the grid's lines, of which there are two to five: 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(most))
    return next(step * power for step in (0.2, 0.5, 1, 2) if most / (step * power) <= 5)


def text(x, y, content, names=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{names}">{html.escape(content)}</text>'


class Chart:
    def __init__(self, title, unit, lines, place, start, end):
        self.title, self.unit, self.lines = title, unit, lines
        self.left = place % COLUMNS * WIDTH / COLUMNS + LEFT
        self.top = place // COLUMNS * HEIGHT + TOP
        self.width, self.height = WIDTH / COLUMNS - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        self.start, self.seconds = start, end - start

    def x(self, at):
        return self.left + (at - self.start) / self.seconds * self.width

    def y(self, value):
        return self.top + self.height * (1 - value / (self.lines.most * 1.05))

    def drawn(self, parts):
        title = f"{self.title} ({self.unit})"
        yield text(self.left - LEFT + 14, self.top - TOP + 22, title, "name")
        yield from self._legend()
        yield from self._parts(parts)
        yield from self._grid()
        for number, (_, points) in enumerate(self.lines.series):
            yield f'<path class="line c{number}" d="{self._path(points)}"/>'

    def _legend(self):
        x, y = self.left - LEFT + 14, self.top - TOP + 38
        for number, (name, _) in enumerate(self.lines.series):
            width = 28 + 6.3 * len(name)
            if x + width > self.left + self.width + RIGHT + 8:
                x, y = self.left - LEFT + 14, y + 14
            yield f'<path class="line c{number}" d="M{x:.1f} {y - 4:.1f}h12"/>' + text(x + 16, y, name, "small")
            x += width

    def _parts(self, parts):
        for number, start, end in parts:
            x, width = self.x(start), self.x(end) - self.x(start)
            yield f'<rect class="part" x="{x:.1f}" y="{self.top}" width="{width:.1f}" height="{self.height}"/>'
            yield f'<path class="grid" d="M{x:.1f} {self.top}v{self.height}"/>'
            yield text(x + width / 2, self.top - 4, str(number), "small middle")

    def _grid(self):
        step = scale(self.lines.most)
        for line in range(int(self.lines.most * 1.05 / step) + 1):
            y = self.y(line * step)
            yield f'<path class="grid" d="M{self.left:.1f} {y:.1f}h{self.width:.1f}"/>'
            yield text(self.left - 6, y + 4, f"{line * step:g}", "small right")
        for second in range(0, int(self.seconds) + 1, 10):
            at = self.x(self.start + second)
            yield text(at, self.top + self.height + 16, f"{second} s", "small middle")

    def _path(self, points):
        path, last = [], -math.inf
        for at, value in points:
            path.append(f"{'M' if at - last > GAP else 'L'}{self.x(at):.1f} {self.y(value):.1f}")
            last = at
        return "".join(path)


def draw(charts, parts):
    """An SVG of charts (title, unit, answers), with the parts of the story (name, start, end) that have a name."""
    start, end = parts[0][1], parts[-1][2]
    named = [(name, begun, ended) for name, begun, ended in parts if name]
    numbered = [(number, begun, ended) for number, (_, begun, ended) in enumerate(named, 1)]
    height = -(-len(charts) // COLUMNS) * HEIGHT + 34
    drawn = []
    for place, (title, unit, answers) in enumerate(charts):
        drawn += Chart(title, unit, Lines(answers, start), place, start, end).drawn(numbered)
    story = " · ".join(f"{number}: {name}" for number, (name, _, _) in enumerate(named, 1))
    drawn.append(text(14, height - 14, story, "small"))
    lines = "\n".join(drawn)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" \
role="img" aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13">
<title id="title">{TITLE}</title>
<desc>Drawn by `scripts/prometheus --picture`, from what Prometheus answered to the queries of the dashboard.</desc>
<style>{STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>
{lines}
</svg>
"""
