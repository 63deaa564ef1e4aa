"""Renderers of a document: HTML and PDF."""
