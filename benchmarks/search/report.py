"""The search benchmark's results as a table and as a picture."""

from html import escape
from math import log10
from typing import Any

Result = dict[str, Any]
_COLUMNS = (
    ("p50 ms", "p50_ms"), ("p99 ms", "p99_ms"), ("CPU ms", "cpu_ms"), ("recall@10", "recall"),
    ("1 % filter", "1 % p50_ms"), ("its recall", "1 % recall"),
    ("0.1 % filter", "0.1 % p50_ms"), ("its recall", "0.1 % recall"),
    ("memory MB", "memory_mb"), ("disk MB", "disk_mb"), ("build s", "build_s"), ("CPU s", "build_cpu_s"),
    ("open s", "open_s"), ("CPU s", "open_cpu_s"), ("add 1,000 s", "add_found_s"), ("CPU s", "add_found_cpu_s"),
    ("remove s", "remove_s"),
)  # fmt: skip


def table(results: list[Result], *, chunks: int) -> str:
    """Return a Markdown table, the quickest first, and Footnote's own lines below it."""
    done = sorted((each for each in results if "why" not in each), key=lambda each: each["p50_ms"])
    lines = [
        f"{chunks:,} × 384:",
        "",
        "| engine | " + " | ".join(head for head, _ in _COLUMNS) + " |",
        "|---|" + "---:|" * len(_COLUMNS),
        *(
            f"| {each['name']} | " + " | ".join(_cell(each, key) for _, key in _COLUMNS) + " |"
            for each in done
        ),
    ]
    lines += [f"| {each['name']} | left out: {each['why']} |" for each in results if "why" in each]
    for each in done:
        if "codes" in each:
            more = {key: value for key, value in each.items() if key.startswith(("hybrid", "rows only"))}
            shown = ", ".join(f"{key.replace('_ms', '')} {value} ms" for key, value in more.items())
            lines += ["", f"Footnote ({each['codes']}): {shown}"]
    return "\n".join(lines)


def _cell(result: Result, key: str) -> str:
    value = result.get(key)
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if "recall" in key else f"{value:.2f}"


def plot(results: list[Result], *, chunks: int) -> str:
    """Return an SVG: one bar per engine, its processor time on a logarithmic scale, with recall and memory."""
    done = sorted((each for each in results if "why" not in each), key=lambda each: each["cpu_ms"])
    left, width, row = 170, 420, 26
    height = 64 + row * len(done)
    least = min(each["cpu_ms"] for each in done) / 2
    most = max(each["cpu_ms"] for each in done)

    def place(value: float) -> float:
        return left + width * (log10(value) - log10(least)) / (log10(most) - log10(least))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 230} {height}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f"<title>Dense search over {chunks:,} passages: processor time of one question</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="12" y="22" font-weight="600" fill="#111">Processor time of one question over {chunks:,} vectors (logarithmic)'
        "</text>",
    ]
    power = 10 ** int(log10(least) - 1)
    while power <= most:
        if power >= least:
            x = place(power)
            parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="34" y2="{height - 22}" stroke="#ddd"/>')
            label = f"{power:,g} ms"
            parts.append(
                f'<text x="{x:.0f}" y="{height - 6}" text-anchor="middle" fill="#555">{label}</text>'
            )
        power *= 10
    for number, each in enumerate(done):
        y = 40 + row * number
        ours = each["engine"] == "footnote"
        parts.append(
            f'<text x="{left - 8}" y="{y + 14}" text-anchor="end" fill="#111"'
            f"{' font-weight=' + chr(34) + '600' + chr(34) if ours else ''}>{escape(each['name'])}</text>"
        )
        length = place(each["cpu_ms"]) - left
        fill = "#0b6e4f" if ours else "#9aa5b1"
        parts.append(f'<rect x="{left}" y="{y}" width="{length:.0f}" height="18" fill="{fill}"/>')
        told = f"{each['cpu_ms']:,.1f} ms, recall {each['recall']:.2f}, {each['memory_mb']:,} MB"
        parts.append(f'<text x="{left + length + 6:.0f}" y="{y + 14}" fill="#333">{told}</text>')
    return "\n".join([*parts, "</svg>", ""])
