"""What the documentation generates from the code, and the pictures that it draws."""
