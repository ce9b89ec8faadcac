"""The study: what distillation does to classes and groups, in tables, figures and one page."""
