"""The public face: functions of arrays and paths, whose names `import degrade` gives lazily."""
