"""How pages and figures look, wherever they are written."""
