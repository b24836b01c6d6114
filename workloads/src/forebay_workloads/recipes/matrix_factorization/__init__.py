"""Recommendation by matrix factorisation. `RECIPE` is what the table of recipes names; start at recipe.py."""

from forebay_workloads.recipes.matrix_factorization.recipe import MatrixFactorization

RECIPE = MatrixFactorization()
