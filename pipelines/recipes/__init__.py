"""Recipes: loading, planning and running them; the shipped ones lie beside."""
