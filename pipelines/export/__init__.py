"""What a store holds, written as other programs read it."""
