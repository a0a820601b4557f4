"""Cuts Instrument Sans down to what the page needs: python3 cut.py FROM.woff2 TO.woff2

Needs fontTools and brotli. Kept are the characters of Latin-1 and of our texts, the weights 400 to
650, tabular figures, and kerning; the kerning of weight 400 serves every weight, which nobody sees
and which is a quarter of the file. Ligatures and hints go.
"""

import sys

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

TEXT = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)])) + "–—‘’“”„•…‹›€−"
DEVICES = ("XPlaDevice", "YPlaDevice", "XAdvDevice", "YAdvDevice")


def records(table):
    """Every value of the kerning table."""
    for lookup in table.LookupList.Lookup:
        for part in lookup.SubTable:
            part = getattr(part, "ExtSubTable", part)
            part.ValueFormat1 &= 0x0F
            part.ValueFormat2 &= 0x0F
            rows = part.PairSet if part.Format == 1 else part.Class1Record
            for row in rows:
                for pair in row.PairValueRecord if part.Format == 1 else row.Class2Record:
                    yield from (pair.Value1, pair.Value2)


def main(source, target):
    font = TTFont(source)
    instancer.instantiateVariableFont(font, {"wght": (400, 400, 650)}, inplace=True)
    options = subset.Options()
    options.layout_features = ["kern", "tnum", "locl"]
    options.hinting = False
    options.notdef_outline = True
    options.drop_tables += ["gasp"]
    options.name_IDs = [0, 1, 2, 13, 14]
    cutter = subset.Subsetter(options)
    cutter.populate(text=TEXT)
    cutter.subset(font)
    for value in records(font["GPOS"].table):
        for name in DEVICES:
            if hasattr(value, name):
                delattr(value, name)
    font["GDEF"].table.VarStore = None
    font["GDEF"].table.Version = 0x00010000
    font.flavor = "woff2"
    font.save(target)


main(*sys.argv[1:])
