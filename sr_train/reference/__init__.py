"""Reference-based SR: networks of SRNTT and TTSR, matching, transfer of texture, references."""
