"""`degrade schema`: the JSON schema of recipes, for editors."""

import typer


def schema() -> None:
    """Print the JSON schema of recipes, which editors use to complete and check YAML.

    Example: degrade schema > recipe.schema.json
    """
    from pipelines.recipes.recipe import recipe_schema

    typer.echo(recipe_schema())
