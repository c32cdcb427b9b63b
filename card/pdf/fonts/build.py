#!/usr/bin/env python3
"""Cuts three Roboto faces into 8-bit fonts that a PDF can embed as they are. See README.md.

usage: build.py DIR_OF_ROBOTO OUT_DIR    (needs fontTools; Debian: fonttools, fonts-roboto-unhinted)
"""
import io
import json
import pathlib
import sys
import unicodedata
import zlib

from fontTools import subset
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont

FACES = {  # short name used by the Go code: file, stem width
    "text": ("RobotoTTF/Roboto-Regular.ttf", 80),
    "cond": ("RobotoCondensed-Regular.ttf", 80),
    "condbold": ("RobotoCondensed-Bold.ttf", 140),
}


def cp1252():
    out = {}
    for code in range(0x20, 0x100):
        if code == 0x7F:
            continue
        try:
            out[code] = ord(bytes([code]).decode("cp1252"))
        except UnicodeDecodeError:
            pass
    return out


def spread(runes):
    return {32 + i: r for i, r in enumerate(runes)}


def planes(have):
    """Plane 0 is Windows-1252, plane 1 the living languages of Europe and Vietnam, the others the rest."""
    first = cp1252()
    taken = set(first.values())

    def pick(*ranges):
        got = [c for a, b in ranges for c in range(a, b + 1)
               if c not in taken and c in have and unicodedata.category(chr(c)) != "Cn"]
        taken.update(got)
        return got

    second = pick((0x100, 0x17F), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x218, 0x21B), (0x1EA0, 0x1EF9))
    rest = pick((0x180, 0x24F), (0x259, 0x259), (0x300, 0x36F), (0x1E00, 0x1EFF), (0x250, 0x2AF))
    out = [first, spread(second)]
    while rest:
        out.append(spread(rest[:224]))
        rest = rest[224:]
    return out


def main(src, dst):
    src, dst = pathlib.Path(src), pathlib.Path(dst)
    have = set(TTFont(src / FACES["text"][0]).getBestCmap())
    cut = planes(have)
    table = {"planes": [[p.get(c, 0) for c in range(256)] for p in cut], "faces": {}}
    for face, (file, stem) in FACES.items():
        table["faces"][face] = []
        for n, plane in enumerate(cut):
            font = TTFont(src / file, lazy=False, recalcTimestamp=False)
            best = font.getBestCmap()
            missing = [hex(r) for r in plane.values() if r not in best]
            if missing:
                raise SystemExit(f"{file}: no glyph for {missing}")
            marks = {}
            glyphs = font.getGlyphSet()
            upm = font["head"].unitsPerEm
            for r in plane.values():
                if unicodedata.combining(chr(r)):
                    pen = BoundsPen(glyphs)
                    glyphs[best[r]].draw(pen)
                    x0, y0, x1, _ = pen.bounds or (0, 0, 0, 0)
                    marks[str(r)] = [round((x0 + x1) * 500 / upm), 1 if y0 > upm * 0.45 else 0]
            width = {c: round(font["hmtx"][best[r]][0] * 1000 / upm) for c, r in plane.items()}
            for r in plane.values():  # one marks class: zero advance, whatever the source says
                if unicodedata.combining(chr(r)):
                    width[[c for c, x in plane.items() if x == r][0]] = 0
            head, hhea, os2 = font["head"], font["hhea"], font["OS/2"]
            scale = lambda v: round(v * 1000 / upm)
            name = font["name"].getDebugName(6)
            desc = {"Ascent": scale(hhea.ascent), "Descent": scale(hhea.descent), "CapHeight": scale(os2.sCapHeight),
                    "Flags": 32, "FontBBox": {"Xmin": scale(head.xMin), "Ymin": scale(head.yMin), "Xmax": scale(head.xMax), "Ymax": scale(head.yMax)},
                    "ItalicAngle": 0, "StemV": stem, "MissingWidth": 0}
            o = subset.Options()
            o.hinting, o.layout_features, o.name_IDs, o.notdef_outline = False, [], [1, 2, 6, 13, 14], True
            o.glyph_names, o.drop_tables = n > 0, o.drop_tables + ["GPOS", "GSUB", "GDEF", "kern", "DSIG", "hdmx", "VDMX", "LTSH", "gasp", "meta"]
            s = subset.Subsetter(o)
            s.populate(unicodes=list(plane.values()))
            s.subset(font)
            if n > 0:  # glyph names that every reader maps back to the character
                rename(font)
            buf = io.BytesIO()
            font.save(buf)
            packed = zlib.compress(buf.getvalue(), 9)
            (dst / f"{face}{n}.z").write_bytes(packed)
            tag = "SCEAU" + "ABCDEFGH"[n]
            table["faces"][face].append({
                "def": {"Tp": "TrueType", "Name": f"{tag}+{name}", "Desc": desc, "Up": -100, "Ut": 50,
                        "Cw": [width.get(c, 0) for c in range(256)], "Enc": "cp1252" if n == 0 else f"sceau-{n}",
                        "Diff": "" if n == 0 else "32 " + " ".join(f"/uni{plane[c]:04X}" for c in range(32, 256) if c in plane),
                        "File": f"{face}{n}.z", "OriginalSize": len(buf.getvalue())},
                "marks": marks})
            print(face, n, len(plane), len(buf.getvalue()), len(packed))
    (dst / "faces.json").write_text(json.dumps(table, separators=(",", ":"), sort_keys=True) + "\n")


def rename(font):
    """Calls each mapped glyph uniXXXX, the name that the PDF's encoding uses."""
    order = font.getGlyphOrder()
    best = {}
    for r, g in sorted(font.getBestCmap().items()):
        best.setdefault(g, r)
    names = {g: f"uni{best[g]:04X}" if g in best else g for g in order}
    glyf = font["glyf"]
    for g in order:
        if glyf[g].isComposite():
            for c in glyf[g].components:
                c.glyphName = names[c.glyphName]
    glyf.glyphs = {names[g]: glyf.glyphs[g] for g in order}
    font["hmtx"].metrics = {names[g]: m for g, m in font["hmtx"].metrics.items()}
    for t in font["cmap"].tables:
        t.cmap = {r: names[g] for r, g in t.cmap.items()}
    font.setGlyphOrder([names[g] for g in order])
    font["glyf"].glyphOrder = font.getGlyphOrder()
    font["post"].formatType, font["post"].extraNames, font["post"].mapping = 2.0, [], {}


if __name__ == "__main__":
    main(*sys.argv[1:3])
