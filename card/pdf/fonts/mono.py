#!/usr/bin/env python3
"""Cuts DejaVu Sans Mono into the 8-bit font of commands and fingerprints. See README.md.

usage: mono.py DIR_OF_DEJAVU OUT_DIR    (needs fontTools; Debian: fonttools, fonts-dejavu-core)
"""
import io
import json
import pathlib
import sys
import zlib

from fontTools import subset
from fontTools.ttLib import TTFont

from build import cp1252


def main(src, dst):
    src, dst = pathlib.Path(src), pathlib.Path(dst)
    plane = cp1252()
    font = TTFont(src / "DejaVuSansMono.ttf", lazy=False, recalcTimestamp=False)
    best = font.getBestCmap()
    upm = font["head"].unitsPerEm
    width = {c: round(font["hmtx"][best[r]][0] * 1000 / upm) for c, r in plane.items()}
    head, hhea, os2 = font["head"], font["hhea"], font["OS/2"]
    scale = lambda v: round(v * 1000 / upm)
    desc = {"Ascent": scale(hhea.ascent), "Descent": scale(hhea.descent), "CapHeight": scale(getattr(os2, "sCapHeight", 1493)),
            "Flags": 33, "FontBBox": {"Xmin": scale(head.xMin), "Ymin": scale(head.yMin), "Xmax": scale(head.xMax), "Ymax": scale(head.yMax)},
            "ItalicAngle": 0, "StemV": 90, "MissingWidth": 0}
    o = subset.Options()
    o.hinting, o.layout_features, o.name_IDs, o.notdef_outline = False, [], [1, 2, 6, 13, 14], True
    o.glyph_names, o.drop_tables = False, o.drop_tables + ["GPOS", "GSUB", "GDEF", "kern", "DSIG", "hdmx", "VDMX", "LTSH", "gasp", "meta"]
    s = subset.Subsetter(o)
    s.populate(unicodes=list(plane.values()))
    s.subset(font)
    buf = io.BytesIO()
    font.save(buf)
    packed = zlib.compress(buf.getvalue(), 9)
    (dst / "mono0.z").write_bytes(packed)
    out = {"Tp": "TrueType", "Name": "SCEAUM+DejaVuSansMono", "Desc": desc, "Up": -100, "Ut": 50,
           "Cw": [width.get(c, 0) for c in range(256)], "Enc": "cp1252", "Diff": "", "File": "mono0.z", "OriginalSize": len(buf.getvalue())}
    (dst / "mono.json").write_text(json.dumps(out, separators=(",", ":"), sort_keys=True) + "\n")
    print("mono", len(plane), len(buf.getvalue()), len(packed))


if __name__ == "__main__":
    main(*sys.argv[1:3])
