"""The picture of a soak: a chart a figure, a line a node, the weather below. SVG without a library."""

import html
import math

PANELS = [("rss_mib", "memory, MiB"), ("peers", "peers"), ("differing", "ticks that differ"),
          ("answer_p99_ms", "UDP answers, p99, ms"), ("http_p99_ms", "HTTP answers, p99, ms"), ("descriptors", "descriptors"), ("threads", "threads")]
COLORS = ["#1b6ca8", "#c2571a", "#3a7d44", "#8a3ffc", "#b5179e"]
WIDTH, LEFT, HEIGHT, GAP = 900, 70, 110, 34


def picture(rows, minutes):
    nodes = sorted({row["node"] for row in rows})
    across = (WIDTH - LEFT - 10) / max(1, minutes)
    parts, top = [], 30
    legend = "".join(f'<tspan fill="{color}" dx="12">node {node}</tspan>' for node, color in zip(nodes, COLORS))
    parts.append(f'<text x="{LEFT}" y="18">{minutes} minutes of bad weather{legend}</text>')
    for column, title in PANELS:
        values = [row[column] for row in rows if math.isfinite(row[column])]
        most = max(values, default=1) or 1
        parts.append(f'<text x="{LEFT}" y="{top + 12}" class="title">{html.escape(title)}</text>')
        base = top + 18 + HEIGHT
        parts.append(f'<path d="M{LEFT} {base}H{WIDTH - 10}M{LEFT} {base - HEIGHT}H{WIDTH - 10}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{base}" class="axis">0</text>')
        parts.append(f'<text x="{LEFT - 6}" y="{base - HEIGHT + 8}" class="axis">{f"{most:,.0f}" if most >= 100 else f"{most:.3g}"}</text>')
        for node, color in zip(nodes, COLORS):
            points = [f"{LEFT + row['minute'] * across:.1f},{base - row[column] / most * HEIGHT:.1f}" for row in rows
                      if row["node"] == node and math.isfinite(row[column])]
            parts.append(f'<polyline points="{" ".join(points)}" stroke="{color}"/>')
        top = base + GAP - 18
    seen = {row["minute"]: row["weather"] for row in rows}
    for minute, weather in seen.items():
        x = LEFT + minute * across
        if weather != "calm":
            parts.append(f'<circle cx="{x:.1f}" cy="{top + 4}" r="2"><title>minute {minute}: {weather}</title></circle>')
    parts.append(f'<text x="{LEFT}" y="{top + 20}">a dot: a minute with a fault; none: calm, all nodes must agree</text>')
    style = ("text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.axis{font-size:10px;text-anchor:end;fill:#666}"
             ".grid{stroke:#ddd;fill:none}polyline{fill:none;stroke-width:1.2}circle{fill:#888}")
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 30}"><style>{style}</style>'
            f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n')
