"""How a depth camera sees a surface: the pass index of every material (no Blender needed to import this)."""

ORDINARY, SHINY, MIRROR, EMISSIVE, DARK, WINDOW = range(6)
