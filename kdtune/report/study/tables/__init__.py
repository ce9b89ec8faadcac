"""The tables of a study, each as CSV, LaTeX and HTML."""
