"""The catalogue of furniture: every piece is a function ``piece(kit, rng, **options)`` that makes one mesh object.

The object stands on the floor with its origin at the centre of its footprint, z up and its front facing -Y, in
metres; ``obj["size"]`` is (width, depth, height). Wall pieces have their back plane at y = 0 and their origin at the
bottom centre; ``pendant_lamp`` hangs from its origin. ``kit`` gives materials, ``rng`` (a numpy Generator) chooses
style, size and colours.
"""

from __future__ import annotations

from collections.abc import Callable

import bpy
import furniture_kitchen as kitchen
import furniture_living as living
import furniture_small as small

CATALOGUE: dict[str, Callable[..., bpy.types.Object]] = {
    piece.__name__: piece
    for piece in (
        living.bed,
        living.bunk_bed,
        living.nightstand,
        living.wardrobe,
        living.dresser,
        living.desk,
        living.office_chair,
        living.dining_table,
        living.dining_chair,
        living.sofa,
        living.armchair,
        living.coffee_table,
        living.tv_unit,
        living.bookshelf,
        living.floor_lamp,
        living.table_lamp,
        living.pendant_lamp,
        living.rug,
        living.cushion,
        living.curtains,
        kitchen.kitchen_counter,
        kitchen.upper_cabinets,
        kitchen.fridge,
        kitchen.stove,
        kitchen.bathtub,
        kitchen.toilet,
        kitchen.washbasin,
        kitchen.mirror,
        kitchen.shower_cabin,
        kitchen.towel_rail,
        kitchen.washing_machine,
        kitchen.pots,
        kitchen.radiator,
        kitchen.door,
        small.plant,
        small.picture,
        small.whiteboard,
        small.filing_cabinet,
        small.monitor,
        small.laptop,
        small.keyboard,
        small.printer,
        small.toy_shelf,
        small.toy_blocks,
        small.ball,
        small.kids_table,
        small.tent,
        small.box,
        small.book_stack,
        small.mug,
        small.vase,
        small.bowl,
        small.fruit_bowl,
        small.coat_rack,
        small.shoes,
        small.bin,
        small.stool,
        small.bench,
        small.backpack,
        small.shelf_classroom_desk,
    )
}
