"""What charts are drawn with, with no Textual: canvas, rasters, the frame of a plot, glyphs, colours, text in cells."""
