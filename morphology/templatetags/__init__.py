"""What templates of volunteers' pages may ask of this side of the house."""
