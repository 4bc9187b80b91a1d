"""The picture of the package, docs/rooms.svg, drawn from its imports: `.venv/bin/python docs/rooms.py`.

A room is a folder of the package, or a module at its root. It stands one floor above the highest room that it imports.
All stand on `study`, so that no arrow is drawn to it.
"""

import ast
import textwrap
from graphlib import TopologicalSorter
from pathlib import Path
from xml.sax.saxutils import escape

PACKAGE = Path(__file__).parents[1] / "durability_utils"
PICTURE = Path(__file__).with_name("rooms.svg")
GROUND = "study"
# where the middle of a room lies, from left to right of 1000; its floor follows from the imports
PLACES = {"synthetic": 160, "lessons": 600, "cli": 1030, "analyses": 220, "sharing": 650, "new_study": 1050,
          "figures": 150, "shown": 450, "runs": 770, "cohort": 1080, "outcomes": 320, "results": 800}
ACROSS, WIDTH, HEIGHT, FLOOR = 1240, 230, 72, 150  # of the picture, of a room, and from floor to floor

Imports = dict[str, set[str]]


def room_of(module: str) -> str:
    """`cohort` of `durability_utils.cohort.cleaning`, `figures` of `durability_utils.figures`."""
    return module.split(".")[1]


def imports() -> Imports:
    """By module of the package the modules of the package that it imports, inside functions too."""
    files = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
             for path in sorted(PACKAGE.rglob("*.py")) if not path.name.startswith("__")}
    found = {}
    for module, path in files.items():
        names = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = module.split(".")[:-node.level] if node.level else []
                source = ".".join([*package, *([node.module] if node.module else [])])
                names |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
        found[module] = names & files.keys()
    return found


def between_rooms(found: Imports) -> Imports:
    """By room the other rooms that its modules import."""
    rooms = {room_of(module): set() for module in found}
    for module, imported in found.items():
        rooms[room_of(module)] |= {room_of(name) for name in imported} - {room_of(module)}
    return rooms


def says(room: str) -> str:
    """The first sentence of a room's docstring."""
    folder = PACKAGE / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".").replace("`", "")


def in_words(rooms: Imports) -> str:
    return f"All rooms stand on {GROUND}. " + " ".join(
        f"{room} imports {', '.join(sorted(imported - {GROUND}))}."
        for room, imported in sorted(rooms.items()) if imported - {GROUND})


def drawn(rooms: Imports) -> str:
    """The picture as SVG: in each room what it says of itself, and arrows from a room to those that it imports.

    Raises graphlib.CycleError where rooms stand in a circle.
    """
    floor = {}
    for room in TopologicalSorter(rooms).static_order():
        floor[room] = 1 + max((floor[below] for below in rooms[room]), default=-1)
    highest = max(floor.values())
    top = {level: 10 + FLOOR * (highest - level) for level in range(highest + 1)}
    top[0] = top[1] + HEIGHT + 20  # no arrow ends on the ground
    height = top[0] + HEIGHT + 10
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {ACROSS} {height}" role="img" '
             'aria-labelledby="title desc" font-family="Helvetica, Arial, sans-serif" text-anchor="middle">',
             '<title id="title">Rooms of the package, and what they import</title>',
             f'<desc id="desc">{escape(in_words(rooms))}</desc>',
             '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" orient="auto" '
             'markerUnits="userSpaceOnUse"><path d="M0 0 10 5 0 10z" fill="#333"/></marker>',
             f'<rect width="{ACROSS}" height="{height}" fill="#fff"/>']
    for curve in _curves(rooms, floor, top):
        lines += [f'<path d="{curve}" fill="none" stroke="#fff" stroke-width="6"/>',  # one passes below the other
                  f'<path d="{curve}" fill="none" stroke="#333" stroke-width="1.3" marker-end="url(#tip)"/>']
    for room in sorted(rooms):
        middle, width, fill = (PLACES[room], WIDTH, "#f1f4f6") if room in PLACES else (
            ACROSS // 2, ACROSS - 20, "#dde3e8")  # the ground
        y = top[floor[room]]
        lines.append(f'<rect x="{middle - width // 2}" y="{y}" width="{width}" height="{HEIGHT}" rx="6" '
                     f'fill="{fill}" stroke="#333"/>')
        lines.append(f'<text x="{middle}" y="{y + 19}" font-size="15" font-weight="bold">{room}</text>')
        lines += [f'<text x="{middle}" y="{y + 36 + 14 * line}" font-size="11">{escape(words)}</text>'
                  for line, words in enumerate(textwrap.wrap(says(room), width // 6 - 3, max_lines=3))]
    return "\n".join([*lines, "</svg>", ""])


def _curves(rooms: Imports, floor: dict[str, int], top: dict[int, int]) -> list[str]:
    """Each arrow as the path of an SVG. Past a floor between its two rooms it goes straight down, beside the rooms."""
    arrows = {(room, below): [] for room in sorted(rooms) for below in sorted(rooms[room] - {GROUND})}
    taken = set()
    for (room, below), passed in arrows.items():
        for level in range(floor[room] - 1, floor[below], -1):
            share = (floor[room] - level) / (floor[room] - floor[below])
            straight = PLACES[room] + (PLACES[below] - PLACES[room]) * share
            beside = [x for x in range(16, ACROSS - 10, 12) if (level, x) not in taken and not any(
                abs(x - PLACES[other]) < WIDTH / 2 + 10 for other in rooms if floor[other] == level)]
            passed.append((level, min(beside, key=lambda x: abs(x - straight))))
            taken.add(passed[-1])
    starts = _ends({(room, below): (room, passed[0][1] if passed else PLACES[below])
                    for (room, below), passed in arrows.items()})
    ends = _ends({(room, below): (below, passed[-1][1] if passed else PLACES[room])
                  for (room, below), passed in arrows.items()})
    curves = []
    for arrow, passed in arrows.items():
        x, y = starts[arrow], top[floor[arrow[0]]] + HEIGHT
        curve = f"M{x:g} {y}"
        for level, to in [*passed, (floor[arrow[1]], ends[arrow])]:
            curve += f"C{x:g} {y + 40} {to:g} {top[level] - 40} {to:g} {top[level]}"
            x, y = to, top[level] + HEIGHT
            curve += f"V{y}" if level > floor[arrow[1]] else ""
        curves.append(curve)
    return curves


def _ends(sides: dict[tuple[str, str], tuple[str, float]]) -> dict[tuple[str, str], float]:
    """Where each arrow touches a room, of arrow: (the room, where the arrow comes from or goes to)."""
    found = {}
    for room in {room for room, _ in sides.values()}:
        arrows = sorted((other, arrow) for arrow, (touched, other) in sides.items() if touched == room)
        for place, (_, arrow) in enumerate(arrows):
            found[arrow] = PLACES[room] + 26 * (place - (len(arrows) - 1) / 2)
    return found


if __name__ == "__main__":
    PICTURE.write_text(drawn(between_rooms(imports())), encoding="utf-8", newline="\n")
