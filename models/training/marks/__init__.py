"""Where marks come from: SVG collections, names set in type, emblems composed at random."""
