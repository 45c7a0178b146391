"""Draws docs/alignment.svg: where LR pixels lie on HR pixels. Run: python -m docs.alignment."""

from pathlib import Path

FILE = Path(__file__).with_name("alignment.svg")
SIDE = 40
"""Width of an HR pixel in the picture."""
LEFT, PIXELS = 110, 12
STYLE = 'font-family="sans-serif" font-size="13" fill="#222"'


def centre(pixel: int, scale: int) -> float:
    """Return the HR coordinate on which LR pixel ``pixel`` is centred."""
    return scale * pixel + (scale - 1) / 2


def across(coordinate: float) -> float:
    """Return the place in the picture of an HR coordinate; HR pixel 0 is centred on 0."""
    return LEFT + SIDE * (coordinate + 0.5)


def drawing() -> str:
    """Return the picture: a row of HR pixels, below it the LR pixels of scales 2, 3 and 4."""
    width, height = LEFT + SIDE * PIXELS + 20, 260
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>LR pixels of scales 2, 3 and 4 below the HR pixels they are centred on</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *_row("HR", 20, [float(pixel) for pixel in range(PIXELS)], 1, "#dde6f5"),
    ]
    for line, scale in enumerate((2, 3, 4)):
        centres = [centre(pixel, scale) for pixel in range(PIXELS // scale)]
        parts += _row(f"LR at x{scale}", 80 + 60 * line, centres, scale, "#f8e3cc")
    return "\n".join([*parts, "</svg>\n"])


def _row(name: str, top: int, centres: list[float], scale: int, colour: str) -> list[str]:
    parts = [f'<text x="10" y="{top + 25}" {STYLE}>{name}</text>']
    for index, at in enumerate(centres):
        left, middle = across(at - scale / 2), across(at)
        parts += [
            f'<rect x="{left:g}" y="{top}" width="{SIDE * scale}" height="{SIDE}" '
            f'fill="{colour}" stroke="#555"/>',
            f'<circle cx="{middle:g}" cy="{top + 12}" r="3" fill="#b3261e"/>',
            f'<text x="{middle:g}" y="{top + 33}" text-anchor="middle" {STYLE}>'
            f"{f'{index}' if scale == 1 else f'{index}: {at:g}'}</text>",
        ]
    return parts


if __name__ == "__main__":
    FILE.write_text(drawing(), encoding="utf-8")
