#!/usr/bin/env python3
"""The peer of BenchmarkRun1000: N letters of about the same content by reportlab, fonts parsed once, one document.

usage: peer_reportlab.py N [OUT]     prints the CPU time and the bytes of one card
"""
import io
import random
import sys
import time

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSansCondensed%s.ttf"
DOMAINS = "AUDI AUXM CSTE DENT HOSP LABO MEDE OPTI PHAR RADL SVIL TRAN".split()
LETTER = ("Voici votre carte. Présentez-la avec votre carte Vitale au pharmacien, au laboratoire, à l’hôpital et à tout "
          "professionnel qui pratique le tiers payant. ") * 5


def page(c, n, people, rnd):
    c.setFillColorRGB(0.04, 0.29, 0.37)
    c.rect(19.4 * mm, 108 * mm, 171 * mm, 13.5 * mm, stroke=0, fill=1)
    c.setFont("B", 22)
    c.drawString(20 * mm, 242 * mm, "Votre carte de tiers payant")
    c.setFillColorRGB(0.1, 0.15, 0.18)
    c.setFont("R", 10)
    for i in range(0, len(LETTER), 95):
        c.drawString(20 * mm, (225 - i / 18) * mm, LETTER[i:i + 95])
    c.setFont("B", 9)
    for label in ("775670482", "SP IS", "", "0012284530", f"Carte n° 3-{n}"):
        c.drawString((25 + rnd.randrange(120)) * mm, 100 * mm, label)
    for p in range(people):
        y = 90 - 4 * p
        c.drawString(24 * mm, y * mm, "LEFÈVRE-D’ANGÉLY Anne-Sophie")
        c.drawString(62 * mm, y * mm, "12/03/1985")
        c.line(24 * mm, y * mm, 130 * mm, y * mm)
    for i, d in enumerate(DOMAINS):
        c.drawString((80 + 8 * i) * mm, 94 * mm, d)
        c.drawString((80 + 8 * i) * mm, 88 * mm, "SP 100%")
        c.line((79 + 8 * i) * mm, 94 * mm, (79 + 8 * i) * mm, 60 * mm)
    size, module = 69, 36 * mm / 69
    path = c.beginPath()
    for row in range(size):
        bits = rnd.getrandbits(size)
        for col in range(size):
            if bits >> col & 1:
                path.rect(145 * mm + col * module, 20 * mm + row * module, module, module)
    c.setFillColorRGB(0, 0, 0)
    c.drawPath(path, stroke=0, fill=1)
    c.showPage()


def main():
    n = int(sys.argv[1])
    rnd = random.Random(1)
    pdfmetrics.registerFont(TTFont("R", FONTS % ""))
    pdfmetrics.registerFont(TTFont("B", FONTS % "-Bold"))
    start = time.process_time()
    out = io.BytesIO()
    c = canvas.Canvas(out, pagesize=A4, pageCompression=1, invariant=1)
    for i in range(n):
        page(c, i, (1, 3, 6)[i % 3], rnd)
    c.save()
    spent = time.process_time() - start
    if len(sys.argv) > 2:
        with open(sys.argv[2], "wb") as f:
            f.write(out.getvalue())
    print(f"reportlab {n} cards {spent / n * 1e6:.0f} us/card {len(out.getvalue()) / n:.0f} B/card")


if __name__ == "__main__":
    main()
