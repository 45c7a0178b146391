"""Recipes, what they will take, and their runs; those that ship lie beside."""
