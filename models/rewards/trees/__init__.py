"""Regression trees: grown by LightGBM, kept and evaluated as plain arrays, so serving needs no LightGBM."""
